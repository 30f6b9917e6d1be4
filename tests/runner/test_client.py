"""The client at the edge: three outcomes, and who stands behind it decides whether it tries again."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import httpx
import pytest

from harness.history import History, Kind
from harness.manifest.model import Request, Submit
from harness.plans.model import Point
from harness.runner.client import Client
from harness.runner.entry import RequestEntry
from harness.targets import ReservedPort
from harness.world.http import Listener, json_answer, listen
from harness.world.http import Request as Received
from harness.world.points import Arrival, Directive, Points
from harness.world.scene import Scene

pytestmark = pytest.mark.anyio

LINK = "client->orders"


@pytest.fixture
def anyio_backend() -> str:
    """Async tests run on asyncio, as the harness does."""
    return "asyncio"


class Callee:
    """Gives one prepared answer after the other, the last one for ever. None hangs up, "silence" never answers."""

    def __init__(self, *answers: int | str | None) -> None:
        self.answers = list(answers)
        self.received: list[Received] = []

    async def __call__(self, request: Received) -> bytes | None:
        self.received.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if answer == "silence":
            await asyncio.Event().wait()
        return json_answer(answer, {"why": "because"}) if isinstance(answer, int) else None


@asynccontextmanager
async def client(callee: Callee, **declared: object) -> AsyncIterator[Client]:
    """A client in front of a callee. The port of the callee, with nobody behind it, where there is no callee."""
    listener: Listener = await listen(callee)
    request = Request(path="/orders/{work}", json={"id": "{work}", "n": ["{nonce}"]}, headers={"X-Kind": "{work}!"})
    given = {"node": "orders", "request": request, "accepted": [202], "rejected": [409], "timeout_s": 5.0, **declared}
    scene = Scene(history=History(), points=Points(), ids={"w1": "w1-aa"}, nonces={"w1": "n1"})
    async with httpx.AsyncClient(limits=httpx.Limits(max_keepalive_connections=0), timeout=None) as http:
        submit = Submit.model_validate(given)
        entry = RequestEntry(http=http, address=f"http://127.0.0.1:{listener.port}", request=request, submit=submit)
        yield Client(entry=entry, submit=submit, scene=scene, link=LINK)
    await listener.close()


def answers(found: Client) -> list[tuple[int, str, int | None]]:
    """Ordinal, outcome and status of every answer."""
    events = found.scene.history.of(Kind.ANSWER)
    return [(event.n, event.data["outcome"], event.data["status"]) for event in events]


async def test_placeholders_are_filled_in_path_body_and_headers() -> None:
    """The id that is really sent, and the nonce, wherever the manifest puts them; the id travels in a header too."""
    callee = Callee(202)
    async with client(callee) as found:
        assert await found.work("w1") == "ok"
    [received] = callee.received
    assert (received.method, received.path, json.loads(received.body)) == (
        "POST",
        "/orders/w1-aa",
        {"id": "w1-aa", "n": ["n1"]},
    )
    assert (received.headers["x-work-id"], received.headers["x-kind"]) == ("w1-aa", "w1-aa!")


@pytest.mark.parametrize(
    ("answer", "outcome", "status", "detail"),
    [
        (202, "ok", 202, ""),
        (409, "rejected", 409, "because"),
        (200, "unknown", 200, "because"),
        (500, "unknown", 500, "because"),
        (307, "unknown", 307, "because"),
        (None, "unknown", None, "connection closed without an answer"),
        ("silence", "unknown", None, "no answer within 0.1 s"),
    ],
)
async def test_only_declared_answers_mean_something(
    answer: int | str | None, outcome: str, status: int | None, detail: str
) -> None:
    """Accepted is ok, rejected is rejected; all else is unknown, and never taken for failure."""
    limit = {"timeout_s": 0.1} if answer == "silence" else {}
    async with client(Callee(answer), root="none", **limit) as found:
        assert await found.work("w1") == outcome
        [event] = found.scene.history.of(Kind.ANSWER)
    assert (event.data["outcome"], event.data["status"]) == (outcome, status)
    assert detail in event.data["detail"]


async def test_refused_connection_is_unknown() -> None:
    """Even a refusal decides nothing: an earlier try may have got through."""
    with ReservedPort() as port:
        async with client(Callee(202), root="none") as found:
            assert isinstance(found.entry, RequestEntry)
            found.entry = replace(found.entry, address=f"http://127.0.0.1:{port.number}")
            assert await found.work("w1") == "unknown"
            assert found.scene.history.of(Kind.ANSWER)[0].data["detail"] == "connection refused"


@pytest.mark.parametrize("root", ["human", "caller"])
async def test_whoever_waits_tries_again_until_he_knows(root: str) -> None:
    """A human and a calling service repeat the same request with the same key until it is answered."""
    callee = Callee(500, None, "silence", 202)
    async with client(callee, root=root, timeout_s=1.0) as found:
        assert await found.work("w1") == "ok"
        assert [n for n, _, _ in answers(found)] == [1, 2, 3, 4]
        assert [event.n for event in found.scene.history.of(Kind.SUBMIT)] == [1, 2, 3, 4]
    assert len({(received.path, received.body) for received in callee.received}) == 1


async def test_rejection_ends_the_tries() -> None:
    """What was surely rejected is not asked for again."""
    async with client(Callee(500, 409, 202), root="human") as found:
        assert await found.work("w1") == "rejected"
        assert [outcome for _, outcome, _ in answers(found)] == ["unknown", "rejected"]


async def test_nobody_behind_the_client_means_one_try() -> None:
    """Where nobody waits for the answer, what came back is all that is known."""
    callee = Callee(500, 202)
    async with client(callee, root="none") as found:
        assert await found.work("w1") == "unknown"
    assert len(callee.received) == 1


async def test_fault_free_run_has_a_last_try() -> None:
    """Without faults an answer does not change by asking again for ever."""
    callee = Callee(500)
    async with client(callee, root="human") as found:
        found.most_tries = 3
        assert await found.work("w1") == "unknown"
    assert len(callee.received) == 3


async def test_a_human_waits_as_long_as_his_patience() -> None:
    """His patience counts, not the time limit of a calling service; which in turn knows no patience."""
    for root, patience_s in (("human", 0.2), ("caller", 0.1), ("none", 0.1)):
        async with client(Callee(202), root=root, patience_s=0.2, timeout_s=0.1) as found:
            assert found.patience_s == patience_s


async def test_submit_and_answer_are_points() -> None:
    """The client can be stopped before it sends, and once it knows."""
    callee, seen = Callee(202), list[tuple[str, int]]()

    def look(name: str) -> None:
        async def strike(_: Arrival) -> Directive:
            seen.append((name, len(callee.received)))
            return Directive.GO_ON

        found.scene.points.arm(Point(name=name, work="w1"), strike)

    async with client(callee) as found:
        look("submit")
        look("answer")
        await found.work("w1")
    assert seen == [("submit", 0), ("answer", 1)]
