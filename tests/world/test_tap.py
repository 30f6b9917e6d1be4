"""The tap: invocations are told by route and work id, counted, held on both sides of the callee, passed unchanged."""

from __future__ import annotations

import asyncio
import json

import pytest

from harness.history import Kind
from harness.plans.model import Point
from harness.world.http import Request
from harness.world.points import Arrival, Directive
from harness.world.scene import Scene
from harness.world.tap import Route, forward, tap, work_id_of
from tests.world.conftest import answering, callee, hop, only, post, say, told, whole_request

pytestmark = pytest.mark.anyio

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone"
ROUTES = [
    Route.read("orders", "POST /orders", "json:/id"),
    Route.read("look", "GET /orders/{work}", "path:/orders/{work}"),
    Route.read("pay", "POST /pay/{anything}", None),
]
LINK = "client->orders"


def request(method: str = "POST", target: str = "/orders", body: object = None, **headers: str) -> Request:
    """A request as the hop hands it on; the body is JSON."""
    return Request(
        method=method, target=target, headers=headers, body=b"" if body is None else json.dumps(body).encode()
    )


async def through(scene: Scene, port: int, asked: Request) -> bytes | None:
    """Sends a request through the tap of the link."""
    return await tap(scene, LINK, ROUTES, port, asked)


@pytest.mark.parametrize(
    ("how", "body", "headers", "found"),
    [
        ("json:/id", {"id": "w1"}, {}, "w1"),
        ("json:/order/id", {"order": {"id": "w1"}}, {}, "w1"),
        ("json:/0/id", [{"id": "w1"}], {}, "w1"),
        ("json:/a~1b/c~0d", {"a/b": {"c~d": "w1"}}, {}, "w1"),
        ("json:/id", {"id": 17}, {}, "17"),
        ("json:/id", {"id": None}, {}, ""),
        ("json:/id", {"order": 1}, {}, ""),
        ("json:/1/id", [{"id": "w1"}], {}, ""),
        ("json:/id/x", {"id": "w1"}, {}, ""),
        ("header:X-Work-Id", None, {"x-work-id": "w1"}, "w1"),
        ("header:X-Work-Id", None, {}, ""),
        ("path:/orders/{work}", None, {}, "w9"),
        ("path:/other/{work}", None, {}, ""),
    ],
)
async def test_work_id_is_read_where_the_manifest_says(
    how: str, body: object, headers: dict[str, str], found: str
) -> None:
    """JSON pointer, header or path; where there is none, the request is not work."""
    assert work_id_of(request("POST", "/orders/w9?q=1", body, **headers), how) == found


async def test_body_that_is_no_json_has_no_work_id() -> None:
    """A body in another format is passed, and counted as nothing."""
    assert work_id_of(Request(method="POST", target="/", headers={}, body=b"id=w1"), "json:/id") == ""


@pytest.mark.parametrize(
    ("method", "target", "node"),
    [
        ("POST", "/orders", "orders"),
        ("POST", "/orders?dry=1", "orders"),
        ("GET", "/orders/w1-aa", "look"),
        ("POST", "/pay/cards", "pay"),
        ("GET", "/orders", ""),
        ("POST", "/orders/", ""),
        ("POST", "/pay/cards/now", ""),
        ("PUT", "/orders", ""),
    ],
)
async def test_node_is_told_by_method_and_path(scene: Scene, method: str, target: str, node: str) -> None:
    """Only what fits a route is an invocation; everything else passes uncounted."""
    asked = request(method, target, {"id": "w1-aa"}, **{"x-work-id": "w1-aa"})
    async with callee(answering(OK)) as port:
        assert await through(scene, port, asked) == OK
    assert [event.data["node"] for event in scene.history.of(Kind.DELIVER)] == ([node] if node else [])


async def test_deliveries_and_replies_are_counted_by_work(scene: Scene) -> None:
    """Each work has ordinals of its own; a reply carries that of its delivery, and the status."""
    async with callee(answering(OK)) as port:
        for work in ("w1-aa", "w2-aa", "w1-aa"):
            await through(scene, port, request(body={"id": work}))
    assert told(scene, Kind.DELIVER, Kind.REPLY) == [
        ("deliver", "w1", LINK, 1),
        ("reply", "w1", LINK, 1),
        ("deliver", "w2", LINK, 1),
        ("reply", "w2", LINK, 1),
        ("deliver", "w1", LINK, 2),
        ("reply", "w1", LINK, 2),
    ]
    assert {event.data["status"] for event in scene.history.of(Kind.REPLY)} == {200}


async def test_request_without_work_id_passes_uncounted(scene: Scene) -> None:
    """A call on a known route that names no work is nobody's invocation."""
    async with callee(answering(OK)) as port:
        assert await through(scene, port, request(body={"other": 1})) == OK
    assert len(scene.history) == 0


async def test_stray_of_an_earlier_case_is_not_delivered(scene: Scene) -> None:
    """What an earlier case had left on its way never reaches the callee of this one."""
    served: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.append(await whole_request(reader))
        writer.close()

    async with callee(serve) as port:
        assert await through(scene, port, request(body={"id": "w1-old"})) is None
    assert served == []
    assert len(scene.history) == 0


async def test_dropped_delivery_never_reaches_the_callee(scene: Scene) -> None:
    """A cut of the request happens before the callee has seen anything, and is written down as a drop."""
    drop_at(scene, "deliver")
    async with callee(answering(OK)) as port:
        assert await through(scene, port, request(body={"id": "w1-aa"})) is None
    assert [event.kind for event in scene.history] == [Kind.DELIVER, Kind.DROP]


async def test_dropped_reply_leaves_the_callee_done(scene: Scene) -> None:
    """The callee has answered; the caller never hears of it."""
    drop_at(scene, "reply")
    async with callee(answering(OK)) as port:
        assert await through(scene, port, request(body={"id": "w1-aa"})) is None
    assert [event.kind for event in scene.history] == [Kind.DELIVER, Kind.REPLY]


def drop_at(scene: Scene, name: str) -> None:
    """Lets w1's first request be dropped at that point."""

    async def drop(_: Arrival) -> Directive:
        return Directive.DROP

    scene.points.arm(Point(name=name, where="orders", work="w1"), drop)


async def test_callee_has_seen_nothing_at_deliver_and_everything_at_reply(scene: Scene) -> None:
    """The two rendezvous stand on the two sides of the callee, and know their link."""
    served: list[bytes] = []
    seen: list[tuple[int, str]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.append(await whole_request(reader))
        writer.write(OK)
        writer.close()

    async def look(arrival: Arrival) -> Directive:
        seen.append((len(served), arrival.link))
        return Directive.GO_ON

    for name in ("deliver", "reply"):
        scene.points.arm(Point(name=name, where="orders", work="w1"), look)
    async with callee(serve) as port:
        assert await through(scene, port, request(body={"id": "w1-aa"})) == OK
    assert seen == [(0, LINK), (1, LINK)]


async def test_duplicate_is_two_invocations_at_once(scene: Scene) -> None:
    """Both deliveries are under way before either is answered, both are counted, and the caller gets one answer."""
    both, served = asyncio.Barrier(2), 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal served
        await whole_request(reader)
        served += 1
        async with asyncio.timeout(5):
            await both.wait()
        writer.write(OK)
        writer.close()

    async def twice(_: Arrival) -> Directive:
        return Directive.TWICE

    scene.points.arm(Point(name="deliver", where="orders", work="w1"), twice)
    async with callee(serve) as port:
        assert await through(scene, port, request(body={"id": "w1-aa"})) == OK
    assert served == 2
    assert [event.n for event in scene.history.of(Kind.DELIVER)] == [1, 2]
    assert [event.n for event in scene.history.of(Kind.REPLY)] == [1]


async def test_dead_callee_is_an_end_of_stream_and_no_refusal(scene: Scene) -> None:
    """The proxy accepts before it knows; so does the tap, and the caller sees a connection that ends."""
    async with callee(answering(OK)) as port:
        pass

    async def handle(asked: Request) -> bytes | None:
        return await through(scene, port, asked)

    async with hop(handle) as listener:
        assert await say(listener.port, post("/orders", b'{"id": "w1-aa"}')) == b""
    assert [event.kind for event in scene.history] == [Kind.DELIVER]


async def test_callee_that_dies_without_a_word_has_not_replied(scene: Scene) -> None:
    """It may have executed or not; what is sure is that there was no answer."""
    async with callee(answering()) as port:
        assert await through(scene, port, request(body={"id": "w1-aa"})) is None
    assert scene.history.of(Kind.REPLY) == []


@pytest.mark.parametrize(
    ("method", "pieces"),
    [
        ("POST", (b"HTTP/1.1 200 OK\r\n\r\n", b"as long as", b" it takes")),
        ("POST", (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"3\r\nabc\r\n", b"0\r\n\r\n")),
        ("HEAD", (b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n",)),
        ("POST", (b"HTTP/1.1 204 No Content\r\n\r\n",)),
        ("POST", (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n", b"torn")),
        ("POST", (b"no HTTP at all",)),
    ],
)
async def test_answer_is_passed_as_it_came(method: str, pieces: tuple[bytes, ...]) -> None:
    """Close-delimited, chunked, without a body, torn or nonsense: what the callee says is what the caller gets."""
    async with callee(answering(*pieces)) as port, asyncio.timeout(5):
        assert await forward(port, request(method, "/orders")) == b"".join(pieces)


@pytest.mark.parametrize(
    ("method", "answer"), [("POST", OK), ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n")]
)
async def test_answer_is_whole_though_the_connection_stays_open(method: str, answer: bytes) -> None:
    """A callee that ignores `Connection: close`, or whose child has inherited the connection, does not stop the tap."""
    release = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await whole_request(reader)
        writer.write(answer)
        await release.wait()
        writer.close()

    async with callee(serve) as port, asyncio.timeout(5):
        assert await forward(port, request(method, "/orders")) == answer
        release.set()


async def test_interim_answers_are_not_the_answer(scene: Scene) -> None:
    """A callee that says 100 first has answered with what comes after it."""
    async with callee(answering(b"HTTP/1.1 100 Continue\r\n\r\n", OK)) as port:
        assert await through(scene, port, request(body={"id": "w1-aa"})) == OK
    assert only(scene, Kind.REPLY).data["status"] == 200


async def test_the_same_payload_has_the_same_fingerprint_and_another_one_has_not(scene: Scene) -> None:
    """Order of keys and spaces are no content; a changed value is."""
    async with callee(answering(OK)) as port:
        for body in ({"id": "w1-aa", "n": 1}, {"n": 1, "id": "w1-aa"}, {"id": "w1-aa", "n": 2}):
            await through(scene, port, request(body=body))
    first, same, other = (event.data["payload"] for event in scene.history.of(Kind.DELIVER))
    assert first == same != other


async def test_an_answer_is_written_down_with_the_works_that_it_names(scene: Scene) -> None:
    """By id or by nonce; what else it says stays out of the history."""
    body = b'{"id": "w1-aa", "other": "n2", "secret": "x"}'
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    async with callee(answering(answer)) as port:
        await through(scene, port, request(body={"id": "w1-aa"}))
    reply = only(scene, Kind.REPLY)
    assert reply.data["about"] == ["w1", "w2"]
    assert not reply.data["late"]
    assert "secret" not in reply.to_json()


async def test_an_answer_to_a_caller_that_has_hung_up_is_late(scene: Scene) -> None:
    """Then the caller's own time was up, whatever the answer says."""
    asked = request(body={"id": "w1-aa"})
    asked.arrival.gone.set()
    async with callee(answering(OK)) as port:
        await through(scene, port, asked)
    assert only(scene, Kind.REPLY).data["late"]
