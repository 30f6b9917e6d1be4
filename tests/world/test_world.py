"""The world: every attempt and every application is written down, before any dedupe, and calls can be held."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from harness.history import Kind
from harness.plans.model import Point
from harness.world.http import Request
from harness.world.points import Arrival, Directive
from harness.world.scene import Scene
from harness.world.world import Endpoint, World
from tests.world.conftest import hop, only, post, say, told

pytestmark = pytest.mark.anyio

ENDPOINTS = {
    "/charge": Endpoint(effect="charge"),
    "/mail": Endpoint(effect="mail", sink="plain"),
    "/brief": Endpoint(effect="brief", retention_s=10.0),
}


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    """The world's clock."""
    return Clock()


@pytest.fixture
def world(scene: Scene, clock: Clock) -> World:
    """A world with a keyed, a plain and a forgetful effect."""
    return World(scene, ENDPOINTS, clock)


def call(path: str, work: str = "w1-aa", key: str = "", method: str = "POST", **body: object) -> Request:
    """A call for an effect."""
    headers = {"idempotency-key": key} if key else {}
    return Request(method=method, target=path, headers=headers, body=json.dumps({"id": work, **body}).encode())


async def answer(world: World, request: Request) -> Any:
    """What process `worker` gets for a call; None where nothing came."""
    raw = await world.handle("worker", request)
    return raw and json.loads(raw.partition(b"\r\n\r\n")[2])


def arm(
    scene: Scene, point: Point, directive: Directive, meanwhile: Callable[[Arrival], Awaitable[None]] | None = None
) -> None:
    """Lets something happen at a point, and then says how to go on."""

    async def strike(arrival: Arrival) -> Directive:
        if meanwhile:
            await meanwhile(arrival)
        return directive

    scene.points.arm(point, strike)


RECV, APPLIED = (Point(name=name, where="charge", work="w1") for name in ("recv", "applied"))


async def test_each_attempt_is_written_before_it_is_deduped(scene: Scene, world: World) -> None:
    """A repeat of a key is one application and two attempts, in the order in which they happened."""
    first, second = [await answer(world, call("/charge", key="k")) for _ in range(2)]
    assert told(scene, Kind.ATTEMPT, Kind.APPLY, Kind.ANSWERED) == [
        ("attempt", "w1", "charge", 1),
        ("apply", "w1", "charge", 1),
        ("answered", "w1", "charge", 1),
        ("attempt", "w1", "charge", 2),
        ("answered", "w1", "charge", 2),
    ]
    assert first["first"]
    assert second == first | {"first": False}
    assert only(scene, Kind.APPLY).data["nonce"] == first["nonce"]


async def test_events_say_who_called_with_which_key(scene: Scene, world: World) -> None:
    """What narrows a finding down: process, key, and the nonce of the payload."""
    await answer(world, call("/charge", key="k", nonce="n1"))
    assert only(scene, Kind.ATTEMPT).data.items() >= {"key": "k", "process": "worker"}.items()
    applied = only(scene, Kind.APPLY).data
    assert (applied["key"], applied["process"], applied["attempt"], applied["payload_nonce"]) == (
        "k",
        "worker",
        1,
        "n1",
    )


async def test_without_a_key_each_attempt_applies(scene: Scene, world: World) -> None:
    """A partner cannot dedupe what carries no key; each application has a nonce of its own."""
    answers = [await answer(world, call("/charge")) for _ in range(2)]
    assert [event.n for event in scene.history.of(Kind.APPLY)] == [1, 2]
    assert answers[0]["nonce"] != answers[1]["nonce"]


async def test_plain_effect_ignores_keys(scene: Scene, world: World) -> None:
    """A plain sink applies every attempt, whatever it carries."""
    for _ in range(2):
        await answer(world, call("/mail", key="k"))
    assert [event.n for event in scene.history.of(Kind.APPLY)] == [1, 2]


async def test_keys_of_two_effects_do_not_meet(scene: Scene, world: World) -> None:
    """The same key means something of its own at each effect."""
    await answer(world, call("/charge", key="k"))
    await answer(world, call("/brief", key="k"))
    assert [event.where for event in scene.history.of(Kind.APPLY)] == ["charge", "brief"]


async def test_key_is_forgotten_after_its_retention(scene: Scene, world: World, clock: Clock) -> None:
    """Inside the retention a repeat is a repeat; from its end on it is new."""
    for now_s, applications in ((0.0, 1), (9.9, 1), (10.0, 2), (19.9, 2)):
        clock.now_s = now_s
        await answer(world, call("/brief", key="k"))
        assert len(scene.history.of(Kind.APPLY)) == applications


async def test_path_that_nobody_declared_is_an_effect_too(scene: Scene, world: World) -> None:
    """An effect that the manifest forgot shows in the history under the name of its path."""
    await answer(world, call("/ship?x=1", key="k"))
    assert told(scene, Kind.APPLY) == [("apply", "w1", "ship", 1)]


async def test_look_at_the_partner_is_no_effect(scene: Scene, world: World) -> None:
    """A service that asks its partner whether he is there has changed nothing."""
    raw = await world.handle("worker", call("/charge", method="GET"))
    assert raw
    assert raw.startswith(b"HTTP/1.1 405 ")
    assert len(scene.history) == 0


async def test_work_id_in_the_header_wins_over_the_body(scene: Scene, world: World) -> None:
    """A service in the middle may pass on bodies that carry the ids of others."""
    request = call("/charge", work="w1-aa")
    request.headers["x-work-id"] = "w2-aa"
    await answer(world, request)
    assert only(scene, Kind.APPLY).work == "w2"


async def test_unknown_work_is_recorded_and_answered(scene: Scene, world: World) -> None:
    """A phantom is evidence: it must not be refused, and keeps the id that it came with."""
    assert (await answer(world, call("/charge", work="who", key="k")))["work"] == "who"
    assert only(scene, Kind.APPLY).work == "who"


async def test_stray_of_an_earlier_case_is_ignored(scene: Scene, world: World) -> None:
    """A call that was on its way when its case ended is no evidence in this one."""
    assert await answer(world, call("/charge", work="w1-old", key="k")) is None
    assert len(scene.history) == 0


async def test_call_waits_at_recv_before_it_is_applied(scene: Scene, world: World) -> None:
    """While the rendezvous lasts the attempt stands in the history and the application does not."""
    seen: list[list[Kind]] = []

    async def look(_: Arrival) -> None:
        seen.append([event.kind for event in scene.history])

    arm(scene, RECV, Directive.GO_ON, look)
    await answer(world, call("/charge", key="k"))
    assert seen == [[Kind.ATTEMPT]]
    assert [event.kind for event in scene.history] == [Kind.ATTEMPT, Kind.APPLY, Kind.ANSWERED]


async def test_call_waits_at_applied_before_it_is_answered(scene: Scene, world: World) -> None:
    """Between the effect and the answer there is a place to stand."""
    seen: list[list[Kind]] = []

    async def look(_: Arrival) -> None:
        seen.append([event.kind for event in scene.history])

    arm(scene, APPLIED, Directive.GO_ON, look)
    assert await answer(world, call("/charge", key="k"))
    assert seen == [[Kind.ATTEMPT, Kind.APPLY]]


async def test_point_strikes_at_its_ordinal_only(scene: Scene, world: World) -> None:
    """`#2` is the second attempt, no other; a point is used up when it was reached."""
    arm(scene, Point(name="recv", where="charge", work="w1", n=2), Directive.DROP)
    assert [await answer(world, call("/charge", key=key)) is None for key in "abc"] == [False, True, False]
    assert scene.points.armed == []


async def kill_worker(scene: Scene) -> None:
    """What the injector notes when it has killed the process."""
    scene.deaths["worker"] += 1


@pytest.mark.parametrize("point", [RECV, APPLIED])
async def test_caller_killed_while_held_gets_no_answer(scene: Scene, world: World, point: Point) -> None:
    """Killed before the effect it stays undone, killed after it stays done; nobody is answered in either case."""
    arm(scene, point, Directive.GO_ON, lambda _: kill_worker(scene))
    assert await answer(world, call("/charge", key="k")) is None
    held_before = point is RECV
    assert len(scene.history.of(Kind.APPLY)) == (0 if held_before else 1)
    assert len(scene.history.of(Kind.DROP)) == (1 if held_before else 0)
    assert scene.history.of(Kind.ANSWERED) == []


async def test_late_call_is_applied_after_its_callers_death(scene: Scene, world: World) -> None:
    """`late` is the fault of a request that was on its way when its sender died."""
    arm(scene, RECV, Directive.LATE, lambda _: kill_worker(scene))
    assert await answer(world, call("/charge", key="k")) is None
    assert [event.kind for event in scene.history] == [Kind.ATTEMPT, Kind.APPLY]


async def test_death_of_another_process_drops_nothing(scene: Scene, world: World) -> None:
    """Only the caller's own death makes its call worthless."""

    async def kill_orders(_: Arrival) -> None:
        scene.deaths["orders"] += 1

    arm(scene, RECV, Directive.GO_ON, kill_orders)
    assert await answer(world, call("/charge", key="k"))


async def test_earlier_death_does_not_drop_the_calls_of_the_next_life(scene: Scene, world: World) -> None:
    """A process that was killed and started again is believed like any other."""
    await kill_worker(scene)
    assert await answer(world, call("/charge", key="k"))


async def test_two_faults_at_one_point_strike_in_order(scene: Scene, world: World) -> None:
    """Caller and callee can be killed at the same instant: each action has its turn."""
    order: list[int] = []

    def note(number: int) -> Callable[[Arrival], Awaitable[None]]:
        async def strike(_: Arrival) -> None:
            order.append(number)

        return strike

    arm(scene, RECV, Directive.DROP, note(1))
    arm(scene, RECV, Directive.GO_ON, note(2))
    assert await answer(world, call("/charge", key="k")) is None
    assert order == [1, 2]


async def test_call_over_the_wire_knows_its_link(scene: Scene, world: World) -> None:
    """A fault on a link must know whether the request it holds travels there."""
    links: list[str] = []

    async def look(arrival: Arrival) -> None:
        links.append(arrival.link)

    arm(scene, RECV, Directive.GO_ON, look)

    async def handle(request: Request) -> bytes | None:
        return await world.handle("worker", request)

    async with hop(handle) as listener:
        assert b'"first": true' in await say(listener.port, post("/charge", b'{"id": "w1-aa"}', "Idempotency-Key: k"))
    assert links == ["worker->world"]


async def test_result_of_another_work_is_told_where_the_own_one_belongs(scene: Scene, world: World) -> None:
    """Whoever passes on both, as a list does, has mixed up nothing; nor has who passes on his own."""
    first, second = [
        (await answer(world, call("/charge", work=f"{work}-aa", key=work)))["nonce"] for work in ("w1", "w2")
    ]
    assert scene.borrowed(f"charged {first}", "w2") == ["w1"]
    assert scene.borrowed(f"charged {first} and {second}", "w2") == []
    assert scene.borrowed(f"charged {second}", "w2") == []
    await answer(world, call("/mail", work="w2-aa", key="m", charged=first))
    assert [event.data.get("borrowed") for event in scene.history.of(Kind.ATTEMPT)] == [None, None, ["w1"]]


async def test_other_works_go_on_while_one_is_held(scene: Scene, world: World) -> None:
    """Holding is not locking: the world stays open for everybody else."""
    release = asyncio.Event()

    async def wait(_: Arrival) -> None:
        await release.wait()

    arm(scene, RECV, Directive.GO_ON, wait)
    held = asyncio.create_task(answer(world, call("/charge", work="w1-aa", key="k1")))
    assert await answer(world, call("/charge", work="w2-aa", key="k2"))
    release.set()
    assert await held
