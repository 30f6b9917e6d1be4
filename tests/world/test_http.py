"""The hop: whole requests in, one answer a connection, whatever the caller's client does."""

from __future__ import annotations

import asyncio

import pytest

from harness.world.http import Request, json_answer
from tests.world.conftest import LIMIT_S, hop, post, say

pytestmark = pytest.mark.anyio


class Heard:
    """A handler that keeps what it hears and answers 200."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.came = asyncio.Event()

    async def __call__(self, request: Request) -> bytes:
        self.requests.append(request)
        self.came.set()
        return json_answer(200, {"bytes": len(request.body)})


async def test_chunked_body_arrives_whole() -> None:
    """The pieces of a chunked body are one body, however they were cut."""
    heard = Heard()
    async with hop(heard) as listener:
        head = b"POST /x HTTP/1.1\r\nHost: there\r\nTransfer-Encoding: chunked\r\n\r\n"
        answer = await say(listener.port, head, b"3\r\nabc\r\n", b"4\r\nde", b"fg\r\n0\r\n\r\n")
    assert heard.requests[0].body == b"abcdefg"
    assert answer.endswith(b'{"bytes": 7}')


async def test_chunked_request_goes_on_with_a_length() -> None:
    """The next hop gets the same request in one piece, on a connection of its own."""
    heard = Heard()
    async with hop(heard) as listener:
        head = b"POST /x?a=1 HTTP/1.1\r\nHost: there\r\nX-A: 1\r\nX-A: 2\r\nTransfer-Encoding: chunked\r\n\r\n"
        await say(listener.port, head + b"3\r\nabc\r\n0\r\n\r\n")
    assert heard.requests[0].to_wire() == (
        b"POST /x?a=1 HTTP/1.1\r\nhost: there\r\nx-a: 1, 2\r\nconnection: close\r\ncontent-length: 3\r\n\r\nabc"
    )


async def test_expect_100_is_answered_before_the_body_comes() -> None:
    """A client that waits for leave gets it, and the next hop is not asked again."""
    heard = Heard()
    async with hop(heard) as listener, asyncio.timeout(LIMIT_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
        writer.write(b"POST /x HTTP/1.1\r\nHost: there\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(b"ok")
        assert (await reader.read(-1)).startswith(b"HTTP/1.1 200 ")
        writer.close()
    assert b"expect" not in heard.requests[0].to_wire()


async def test_http_1_0_client_stays_one_on_the_next_hop() -> None:
    """A caller that knows no chunks must not cause an answer in chunks."""
    heard = Heard()
    async with hop(heard) as listener:
        answer = await say(listener.port, b"POST /x HTTP/1.0\r\nContent-Length: 2\r\n\r\nok")
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert heard.requests[0].to_wire().startswith(b"POST /x HTTP/1.0\r\n")


async def test_offer_to_upgrade_is_ignored() -> None:
    """Clients that offer HTTP/2 with each request are answered in HTTP/1.1, and the offer ends here."""
    heard = Heard()
    offer = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABk")
    async with hop(heard) as listener:
        answer = await say(listener.port, post("/x", b"ok", *offer))
    assert answer.endswith(b'{"bytes": 2}')
    assert b"pgrade" not in heard.requests[0].to_wire()


async def test_half_closed_caller_gets_its_answer() -> None:
    """Whoever has said all there is to say may still listen, also for an answer that comes after his end of stream."""

    async def slow(request: Request) -> bytes:
        await request.arrival.gone.wait()
        return json_answer(200, {"bytes": len(request.body)})

    async with hop(slow) as listener:
        assert (await say(listener.port, post("/x", b"ok"), half_close=True)).endswith(b'{"bytes": 2}')


async def test_more_bytes_after_the_request_do_not_cost_the_answer() -> None:
    """A second request on the connection is not served, and takes nothing from the first, not even a header."""
    heard = Heard()
    async with hop(heard) as listener:
        answer = await say(listener.port, post("/x", b"ok", "X-A: 1") + post("/y", b"", "X-A: 2"), b"\x00\x01")
    assert answer.endswith(b'{"bytes": 2}')
    assert [(request.path, request.headers["x-a"]) for request in heard.requests] == [("/x", "1")]


async def test_body_of_many_megabytes_arrives_whole() -> None:
    """Nothing is cut off or put out of order."""
    heard, body = Heard(), bytes(range(256)) * (8 << 12)
    async with hop(heard) as listener:
        answer = await say(listener.port, post("/x", body))
    assert answer.endswith(b'{"bytes": %d}' % len(body))
    assert heard.requests[0].body == body


@pytest.mark.parametrize(
    "bytes_sent",
    [b"", b"POST /x HTTP/1.1\r\nHost: th", b"GET\x00 nonsense\r\n\r\n", b"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n"],
)
async def test_connection_without_a_whole_request_is_told(bytes_sent: bytes) -> None:
    """A probe, a caller that died half-way and noise are one event each, and no request."""
    heard, empty = Heard(), asyncio.Event()
    async with hop(heard, empty.set) as listener:
        assert await say(listener.port, bytes_sent, half_close=True) == b""
        async with asyncio.timeout(LIMIT_S):
            await empty.wait()
    assert heard.requests == []


async def test_whole_request_is_no_empty_connection() -> None:
    """A connection that brought a request is not told as one that did not."""
    empty: list[None] = []
    async with hop(Heard(), lambda: empty.append(None)) as listener:
        await say(listener.port, post("/x"))
    assert empty == []


async def test_caller_that_hangs_up_is_gone() -> None:
    """A request that is held learns that nobody waits for it any more."""
    gone = asyncio.Event()

    async def hold(request: Request) -> None:
        await request.arrival.gone.wait()
        gone.set()

    async with hop(hold) as listener, asyncio.timeout(LIMIT_S):
        _, writer = await asyncio.open_connection("127.0.0.1", listener.port)
        writer.write(post("/x"))
        writer.close()
        await gone.wait()


async def test_nothing_to_answer_is_a_closed_connection() -> None:
    """A dropped request ends as with a callee that died: without a byte."""

    async def drop(request: Request) -> None:
        return None

    async with hop(drop) as listener:
        assert await say(listener.port, post("/x")) == b""


async def test_hop_that_keeps_open_leaves_closing_to_the_caller() -> None:
    """While a fault takes the answer away, our own end of stream must not tell the caller about it."""

    async def keep(request: Request) -> bytes:
        request.arrival.keep_open = True
        return json_answer(200, {})

    async with hop(keep) as listener, asyncio.timeout(LIMIT_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
        writer.write(post("/x"))
        await reader.readuntil(b"{}")
        assert listener.busy() == 1
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), 0.05)
        writer.close()
        while listener.busy():  # noqa: ASYNC110 - the end of a connection has no event outside
            await asyncio.sleep(0.001)


async def test_abort_ends_what_is_under_way() -> None:
    """At the end of a case no request of it goes on."""
    cancelled, came = asyncio.Event(), asyncio.Event()

    async def hang(request: Request) -> None:
        came.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    async with hop(hang) as listener, asyncio.timeout(LIMIT_S):
        asked = asyncio.create_task(say(listener.port, post("/x")))
        await came.wait()
        assert listener.busy() == 1
        listener.abort()
        await cancelled.wait()
        assert await asked == b""
        assert listener.busy() == 0
