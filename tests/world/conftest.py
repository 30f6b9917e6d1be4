"""Parts of the world tests: a scene without a system, a callee that does as it is told, a caller that speaks bytes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from harness.history import Event, History, Kind
from harness.world.http import Handler, Listener, listen
from harness.world.points import Points
from harness.world.scene import Scene

LIMIT_S = 5.0
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture
def anyio_backend() -> str:
    """Async tests run on asyncio, as the harness does."""
    return "asyncio"


@pytest.fixture
def scene() -> Scene:
    """A case with two works, and one that an earlier case has left."""
    return Scene(
        history=History(),
        points=Points(),
        ids={"w1": "w1-aa", "w2": "w2-aa"},
        nonces={"w1": "n1", "w2": "n2"},
        strays={"w1-old"},
    )


def told(scene: Scene, *kinds: Kind) -> list[tuple[str, str, str, int]]:
    """The events of these kinds in short: kind, work, place, ordinal."""
    return [(event.kind.value, event.work, event.where, event.n) for event in scene.history.of(*kinds)]


def only(scene: Scene, kind: Kind) -> Event:
    """The one event of its kind."""
    [event] = scene.history.of(kind)
    return event


@asynccontextmanager
async def hop(handler: Handler, on_empty: Callable[[], None] | None = None) -> AsyncIterator[Listener]:
    """A hop that is closed afterwards."""
    listener = await listen(handler, on_empty)
    try:
        yield listener
    finally:
        await listener.close()


@asynccontextmanager
async def callee(serve: Serve) -> AsyncIterator[int]:
    """A server on a port of its own."""
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


def answering(*pieces: bytes) -> Serve:
    """Reads a head and its body, sends the pieces, hangs up."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await whole_request(reader)
        for piece in pieces:
            writer.write(piece)
        await writer.drain()
        writer.close()

    return serve


async def whole_request(reader: asyncio.StreamReader) -> bytes:
    """The bytes of one request with a content-length."""
    head = await reader.readuntil(b"\r\n\r\n")
    lengths = [line.split(b":")[1] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    return head + await reader.readexactly(int(lengths[0]) if lengths else 0)


async def say(port: int, *pieces: bytes, half_close: bool = False) -> bytes:
    """Sends bytes on a fresh connection, and returns everything that comes back until it ends."""
    async with asyncio.timeout(LIMIT_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
            if half_close:
                writer.write_eof()
            return await reader.read(-1)
        finally:
            writer.close()


def post(path: str, body: bytes = b"", *headers: str) -> bytes:
    """A whole POST request."""
    lines = [f"POST {path} HTTP/1.1", "Host: there", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body
