"""A small proxy with Toxiproxy's HTTP API, for machines where the real server cannot be had.

It knows what the harness uses: proxies (create, read, enable, disable, delete), the toxics of the fault table
(limit_data, reset_peer, timeout, bandwidth, latency, slicer), /reset, /version and /metrics. `Network` starts it like
the real binary, and one suite of tests holds both to the same behaviour. It follows the real server in what matters to
a fault: it accepts before it dials; the end of one direction ends the whole connection; a toxic meets live connections,
too, but `reset_peer` sends RST only on those that were opened after it; removing `timeout` closes the connections.

    python -m harness.network.standin --port 0

Only the standard library, so that it starts fast.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import socket
import struct
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any
from urllib.parse import unquote

Json = dict[str, Any]
LINGER_ZERO = struct.pack("ii", 1, 0)
CHUNK_BYTES = 1 << 16


class ApiError(Exception):
    """An answer other than 200."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class Toxic:
    """A toxic on one direction of one proxy. `changed` wakes whoever waits in it when it is updated or removed."""

    def __init__(self, record: Json) -> None:
        self.type: str = record.get("type", "")
        self.stream: str = record.get("stream", "downstream")
        self.name: str = record.get("name") or f"{self.type}_{self.stream}"
        self.toxicity: float = record.get("toxicity", 1.0)
        if self.type not in ACTS:
            raise ApiError(400, "invalid toxic type")
        if self.stream not in ("upstream", "downstream"):
            raise ApiError(400, "stream was invalid, can be either upstream or downstream")
        self.attributes: dict[str, int] = record.get("attributes") or {}
        self.active = True
        self.changed = asyncio.Event()

    def __getitem__(self, attribute: str) -> int:
        return self.attributes.get(attribute, 0)

    def update(self, record: Json) -> None:
        self.attributes |= record.get("attributes") or {}
        self._wake()

    def remove(self) -> None:
        self.active = False
        self._wake()

    def _wake(self) -> None:
        self.changed.set()
        self.changed = asyncio.Event()

    async def wait(self, seconds: float | None) -> None:
        """Waits so long, or until this toxic is changed or removed."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.changed.wait()

    def to_json(self) -> Json:
        keys = ("name", "type", "stream", "toxicity", "attributes")
        return {key: getattr(self, key) for key in keys}


class End(Exception):
    """A toxic ends the connection."""


class Flow:
    """One direction of one connection: a reader that stamps what comes, and a pump that takes it through the toxics."""

    def __init__(
        self, connection: Connection, stream: str, source: asyncio.StreamReader, target: asyncio.StreamWriter
    ) -> None:
        self.connection = connection
        self.stream = stream
        self.source = source
        self.target = target
        self.chunks: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(maxsize=1024)
        self.transmitted: dict[Toxic, int] = {}
        self.received_bytes = 0
        self.sent_bytes = 0

    async def read(self) -> None:
        while data := await self._some():
            self.received_bytes += len(data)
            await self.chunks.put((time.monotonic(), data))
        await self.chunks.put((time.monotonic(), b""))

    async def _some(self) -> bytes:
        try:
            return await self.source.read(CHUNK_BYTES)
        except OSError:
            return b""

    async def pump(self) -> None:
        with suppress(End, OSError):
            while True:
                at_s, data = await self.chunks.get()
                if not data:
                    return
                await self._through(data, at_s, self.connection.proxy.toxics_on(self.stream))

    async def _through(self, data: bytes, at_s: float, toxics: list[Toxic]) -> None:
        if toxics:
            async for piece in ACTS[toxics[0].type](self, toxics[0], data, at_s):
                await self._through(piece, at_s, toxics[1:])
        elif data:
            self.target.write(data)
            await self.target.drain()
            self.sent_bytes += len(data)


class Connection:
    """A caller's connection and the one to the callee, which live and die together."""

    def __init__(
        self,
        proxy: Proxy,
        caller: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        callee: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    ) -> None:
        self.proxy = proxy
        self.writers = (caller[1], callee[1])
        self.flows = (
            Flow(self, "upstream", caller[0], callee[1]),
            Flow(self, "downstream", callee[0], caller[1]),
        )
        self.resets = any(toxic.type == "reset_peer" for toxic in proxy.toxics)

    async def run(self) -> None:
        """Until either direction ends, which ends both."""
        readers = [asyncio.create_task(flow.read()) for flow in self.flows]
        pumps = [asyncio.create_task(flow.pump()) for flow in self.flows]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.close()
            for task in readers + pumps:
                task.cancel()
            await asyncio.gather(*readers, *pumps, return_exceptions=True)
            for flow in self.flows:
                self.proxy.count(flow)

    def close(self) -> None:
        for writer in self.writers:
            if self.resets and not writer.is_closing():
                with suppress(OSError):
                    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_ZERO)
                writer.transport.abort()
            writer.close()


class Proxy:
    """A listening port in front of a callee."""

    def __init__(self, record: Json) -> None:
        for field in ("name", "upstream"):
            if not record.get(field):
                raise ApiError(400, f"missing required field: {field}")
        self.name: str = record["name"]
        self.upstream: str = record["upstream"]
        self.listen: str = record.get("listen") or "127.0.0.1:0"
        self.enabled = False
        self.toxics: list[Toxic] = []
        self.connections: set[Connection] = set()
        self.tasks: set[asyncio.Task[None]] = set()
        self.bytes: dict[tuple[str, str], int] = {}

    async def enable(self) -> None:
        if self.enabled:
            return
        host, _, port = self.listen.rpartition(":")
        try:
            self.server = await asyncio.start_server(self._accept, host or "127.0.0.1", int(port))
        except OSError as error:
            raise ApiError(500, str(error)) from error
        self.listen = "{}:{}".format(*self.server.sockets[0].getsockname())
        self.enabled = True

    def disable(self) -> None:
        if self.enabled:
            self.enabled = False
            self.server.close()
            for connection in list(self.connections):
                connection.close()
            for task in list(self.tasks):
                task.cancel()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.tasks.add(task)
        try:
            with suppress(asyncio.CancelledError):
                await self._connect(reader, writer)
        finally:
            self.tasks.discard(task)
            writer.close()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host, _, port = self.upstream.rpartition(":")
        try:
            callee = await asyncio.open_connection(host, int(port))
        except OSError:
            return
        connection = Connection(self, (reader, writer), callee)
        self.connections.add(connection)
        try:
            await connection.run()
        finally:
            self.connections.discard(connection)

    def toxics_on(self, stream: str) -> list[Toxic]:
        return [toxic for toxic in self.toxics if toxic.stream == stream]

    def toxic(self, name: str) -> Toxic:
        for toxic in self.toxics:
            if toxic.name == name:
                return toxic
        raise ApiError(404, "toxic not found")

    def add(self, toxic: Toxic) -> None:
        if any(toxic.name == other.name for other in self.toxics):
            raise ApiError(409, "toxic already exists")
        self.toxics.append(toxic)

    def remove(self, toxic: Toxic) -> None:
        self.toxics.remove(toxic)
        toxic.remove()
        if toxic.type == "timeout":
            for connection in list(self.connections):
                connection.close()

    def count(self, flow: Flow) -> None:
        for way, amount in (("received", flow.received_bytes), ("sent", flow.sent_bytes)):
            self.bytes[way, flow.stream] = self.bytes.get((way, flow.stream), 0) + amount

    def metrics(self) -> str:
        labels = f'listener="{self.listen}",proxy="{self.name}",upstream="{self.upstream}"'
        return "".join(
            f'toxiproxy_proxy_{way}_bytes_total{{direction="{stream}",{labels}}} {amount}\n'
            for (way, stream), amount in self.bytes.items()
        )

    def to_json(self) -> Json:
        record: Json = {key: getattr(self, key) for key in ("name", "listen", "upstream", "enabled")}
        return record | {"toxics": [toxic.to_json() for toxic in self.toxics]}


async def limit_data(flow: Flow, toxic: Toxic, data: bytes, at_s: float) -> AsyncIterator[bytes]:
    left = max(0, toxic["bytes"] - flow.transmitted.get(toxic, 0))
    flow.transmitted[toxic] = flow.transmitted.get(toxic, 0) + len(data[:left])
    yield data[:left]
    if left <= len(data):
        raise End


async def reset_peer(flow: Flow, toxic: Toxic, data: bytes, at_s: float) -> AsyncIterator[bytes]:
    await toxic.wait(toxic["timeout"] / 1000)
    raise End
    yield data


async def timeout(flow: Flow, toxic: Toxic, data: bytes, at_s: float) -> AsyncIterator[bytes]:
    if toxic["timeout"]:
        await toxic.wait(toxic["timeout"] / 1000)
        raise End
    return
    yield data


async def bandwidth(flow: Flow, toxic: Toxic, data: bytes, at_s: float) -> AsyncIterator[bytes]:
    while toxic.active and toxic["rate"] <= 0:
        await toxic.wait(None)
    if toxic.active:
        await toxic.wait(len(data) / (toxic["rate"] * 1000))
    yield data


async def latency(flow: Flow, toxic: Toxic, data: bytes, at_s: float) -> AsyncIterator[bytes]:
    if toxic.active:
        await toxic.wait(max(0.0, at_s + toxic["latency"] / 1000 - time.monotonic()))
    yield data


async def slicer(flow: Flow, toxic: Toxic, data: bytes, at_s: float) -> AsyncIterator[bytes]:
    size = max(1, toxic["average_size"])
    for start in range(0, len(data), size):
        yield data[start : start + size]
        if toxic.active:
            await toxic.wait(toxic["delay"] / 1_000_000)


Act = Callable[[Flow, Toxic, bytes, float], AsyncIterator[bytes]]
ACTS: dict[str, Act] = {act.__name__: act for act in (limit_data, reset_peer, timeout, bandwidth, latency, slicer)}


class Api:
    """The routes, each a method that takes what the path names and the body, and answers JSON or text."""

    def __init__(self) -> None:
        self.proxies: dict[str, Proxy] = {}

    async def answer(self, method: str, path: str, body: Json) -> tuple[int, Json | str]:
        parts = [unquote(part) for part in path.strip("/").split("/")]
        match method, *parts:
            case "GET", "version":
                return 200, {"version": "stand-in"}
            case "GET", "metrics":
                return 200, "".join(proxy.metrics() for proxy in self.proxies.values())
            case "POST", "reset":
                return await self._reset()
            case "GET", "proxies":
                return 200, {name: proxy.to_json() for name, proxy in self.proxies.items()}
            case "POST", "proxies":
                return await self._create(body)
            case _, "proxies", name, *rest if name in self.proxies:
                return await self._on_proxy(method, self.proxies[name], rest, body)
        raise ApiError(404, "proxy not found" if parts[0] == "proxies" else "404 page not found")

    async def _reset(self) -> tuple[int, str]:
        for proxy in self.proxies.values():
            await proxy.enable()
            for toxic in list(proxy.toxics):
                proxy.remove(toxic)
        return 204, ""

    async def _create(self, body: Json) -> tuple[int, Json]:
        proxy = Proxy(body)
        if proxy.name in self.proxies:
            raise ApiError(409, "proxy already exists")
        if body.get("enabled", True):
            await proxy.enable()
        self.proxies[proxy.name] = proxy
        return 201, proxy.to_json()

    async def _on_proxy(self, method: str, proxy: Proxy, rest: list[str], body: Json) -> tuple[int, Json | str]:
        match method, *rest:
            case ("GET",):
                return 200, proxy.to_json()
            case ("POST" | "PATCH",):
                if body.get("enabled", proxy.enabled):
                    await proxy.enable()
                else:
                    proxy.disable()
                return 200, proxy.to_json()
            case ("DELETE",):
                proxy.disable()
                del self.proxies[proxy.name]
                return 204, ""
            case "POST", "toxics":
                toxic = Toxic(body)
                proxy.add(toxic)
                return 200, toxic.to_json()
            case "POST" | "PATCH", "toxics", name:
                proxy.toxic(name).update(body)
                return 200, proxy.toxic(name).to_json()
            case "DELETE", "toxics", name:
                proxy.remove(proxy.toxic(name))
                return 204, ""
        raise ApiError(405, "method not allowed")

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One kept-alive connection of the control API."""
        with suppress(asyncio.IncompleteReadError, OSError):
            while True:
                writer.write(await self._exchange(reader))
                await writer.drain()
        writer.close()

    async def _exchange(self, reader: asyncio.StreamReader) -> bytes:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, path, _ = head[0].split(" ")
        headers = {key.lower(): value.strip() for key, _, value in (line.partition(":") for line in head[1:])}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        try:
            status, content = await self.answer(method, path, json.loads(body or b"{}"))
        except ApiError as error:
            status, content = error.status, {"error": str(error), "status": error.status}
        except ValueError as error:
            status, content = 400, {"error": f"bad request body: {error}", "status": 400}
        text = content if isinstance(content, str) else json.dumps(content)
        return f"HTTP/1.1 {status} -\r\nContent-Length: {len(text.encode())}\r\n\r\n{text}".encode()


async def main(host: str, port: int) -> None:
    """Serves until the process is ended."""
    server = await asyncio.start_server(Api().serve, host, port)
    await server.serve_forever()


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description="A stand-in for Toxiproxy.")
    arguments.add_argument("--host", "-host", default="127.0.0.1")
    arguments.add_argument("--port", "-port", type=int, default=8474)
    parsed = arguments.parse_args()
    with suppress(KeyboardInterrupt):
        asyncio.run(main(parsed.host, parsed.port))
