"""The one HTTP server behind taps and world: whole requests in, one answer a connection, then close.

A connection carries exactly one request. Toxics act per connection, so with keep-alive a fault would meet other
requests than the plan names; answering `Connection: close` makes the next request open a connection of its own. What a
peer never sees answered (a drop, a dead callee) is a closed connection without a byte, as from a process that died.

httptools parses; everything else a web framework does is left out, because every millisecond here is paid by each case.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import httptools

from harness.world.points import Arrival

__all__ = ["Handler", "Listener", "Request", "json_answer", "listen"]

LINGER_S = 30.0
"""How long a hop waits for the other end to close, where it must not be the first to do so."""
_HOP_BY_HOP = (
    "connection",
    "content-length",
    "expect",
    "http2-settings",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
)
"""Headers that speak of one connection: the next hop gets a whole request on a connection of its own."""

Handler = Callable[["Request"], Awaitable[bytes | None]]


@dataclass(slots=True, kw_only=True)
class Request:
    """A whole HTTP request as it came over the wire.

    target: path and query as sent. headers: names in lower case, repeated ones joined by commas. version: of HTTP, as
    the caller speaks it. arrival: what faults need to know of it.
    """

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    version: str = "1.1"
    arrival: Arrival = field(default_factory=Arrival)

    @property
    def path(self) -> str:
        """The target without its query."""
        return self.target.partition("?")[0]

    def json(self) -> Any:
        """The body as JSON, or None where it is none."""
        try:
            return json.loads(self.body) if self.body else None
        except ValueError:
            return None

    def to_wire(self) -> bytes:
        """The request for the next hop: unchanged, but for one connection a request.

        The version stays as well: a caller that speaks HTTP/1.0 must not be answered in chunks.
        """
        kept = [(name, value) for name, value in self.headers.items() if name not in _HOP_BY_HOP]
        kept += [("connection", "close"), ("content-length", str(len(self.body)))]
        lines = [f"{self.method} {self.target} HTTP/{self.version}", *(f"{name}: {value}" for name, value in kept)]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + self.body


def json_answer(status: int, body: object) -> bytes:
    """A whole HTTP answer with a JSON body."""
    payload = json.dumps(body).encode()
    head = (
        f"HTTP/1.1 {status} {'OK' if status < 400 else 'Error'}\r\ncontent-type: application/json\r\n"
        f"content-length: {len(payload)}\r\nconnection: close\r\n\r\n"
    )
    return head.encode() + payload


class Listener:
    """A listening socket whose connections are answered by one handler."""

    def __init__(self, handler: Handler, on_empty: Callable[[], None] | None = None) -> None:
        self.handler = handler
        self.on_empty = on_empty or (lambda: None)
        self.port = 0
        self.tasks: dict[asyncio.Task[None], Request] = {}
        self.transports: set[asyncio.Transport] = set()
        self._server: asyncio.Server | None = None

    def busy(self, *, invoking: bool = False) -> int:
        """Requests received and not yet answered or dropped; or only those that may invoke a declared node."""
        return sum(request.arrival.invokes or not invoking for request in self.tasks.values())

    def abort(self) -> None:
        """Ends every request and connection that is under way, as at the end of a case."""
        for task in self.tasks:
            task.cancel()
        for transport in list(self.transports):
            transport.abort()

    async def close(self) -> None:
        """Stops listening and ends everything."""
        if self._server is not None:
            self._server.close()
        self.abort()
        await asyncio.gather(*self.tasks, return_exceptions=True)


async def listen(handler: Handler, on_empty: Callable[[], None] | None = None) -> Listener:
    """Starts a listener on a loopback port chosen by the kernel.

    Args:
        handler: gets each whole request; its bytes are the answer, None closes the connection without one.
        on_empty: called for a connection that ended without a whole request.
    """
    listener = Listener(handler, on_empty)
    loop = asyncio.get_running_loop()
    listener._server = await loop.create_server(lambda: _Connection(listener), "127.0.0.1", 0, backlog=256)
    listener.port = listener._server.sockets[0].getsockname()[1]
    return listener


class _Connection(asyncio.Protocol):
    """One connection: parse until a request is whole, hand it on, write the answer, close."""

    def __init__(self, listener: Listener) -> None:
        self.listener = listener
        self.parser = httptools.HttpRequestParser(self)
        self.target = b""
        self.headers: dict[str, str] = {}
        self.body = bytearray()
        self.request: Request | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.listener.transports.add(transport)

    def data_received(self, data: bytes) -> None:
        if self.request is not None:
            return  # one request a connection; a caller that sends more repeats it on a new one
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._decline(data[upgrade.args[0] :])
        except httptools.HttpParserError:
            if self.request is None:
                self.transport.close()

    def _decline(self, rest: bytes) -> None:
        """Ignores an offer to speak something else, as Java's client makes it with each request: reads on without it.

        The parser takes everything behind such a head for the other protocol, so it begins again with a head that makes
        no offer. `CONNECT` is no offer but a demand, and no request that any callee here could answer.
        """
        if "upgrade" not in self.headers:
            self.transport.close()
            return
        kept = [f"{name}: {value}" for name, value in self.headers.items() if name not in ("upgrade", "expect")]
        lines = [f"{self.parser.get_method().decode()} {self.target.decode('latin-1')} HTTP/1.1", *kept]
        self.parser, self.target, self.headers = httptools.HttpRequestParser(self), b"", {}
        self.data_received(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + rest)

    def eof_received(self) -> bool:
        if self.request is not None:
            self.request.arrival.gone.set()
        return self.request is not None  # the answer may still be written to a caller that half-closed

    def connection_lost(self, exc: Exception | None) -> None:
        self.listener.transports.discard(self.transport)
        if self.request is None:
            self.listener.on_empty()
        else:
            self.request.arrival.gone.set()

    def on_url(self, url: bytes) -> None:
        self.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        known, text = name.decode("latin-1").lower(), value.decode("latin-1")
        self.headers[known] = f"{self.headers[known]}, {text}" if known in self.headers else text
        if name.lower() == b"expect" and value.lower() == b"100-continue":
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        if self.request is not None or self.parser.should_upgrade():
            return  # a second request in the same packet, or one that will be read again
        self.request = Request(
            method=self.parser.get_method().decode(),
            target=self.target.decode("latin-1"),
            headers=dict(self.headers),
            body=bytes(self.body),
            version=self.parser.get_http_version(),
        )
        task = asyncio.get_running_loop().create_task(self._serve(self.request))
        self.listener.tasks[task] = self.request
        task.add_done_callback(self.listener.tasks.pop)

    async def _serve(self, request: Request) -> None:
        try:
            answer = await self.listener.handler(request)
            if answer is not None and not self.transport.is_closing():
                self.transport.write(answer)
            if request.arrival.keep_open:
                async with asyncio.timeout(LINGER_S):
                    await request.arrival.gone.wait()
        except TimeoutError:
            pass  # the other end never closes; the case goes on without it
        finally:
            self.transport.close()
