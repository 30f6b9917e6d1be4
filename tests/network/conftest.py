"""Parts of the network tests: the servers under contract, a callee that counts, a caller that is a real HTTP client."""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import httpx
import pytest

from harness.network import Network, Sees, Server, find_server
from harness.network.find import ENVIRONMENT_KEY

REPLY_BODY = b"done " * 8
LATE_S = 0.015


@pytest.fixture
def anyio_backend() -> str:
    """Async tests run on asyncio, as the harness does."""
    return "asyncio"


@pytest.fixture(scope="session")
def real_server() -> Server:
    """The real Toxiproxy; where it cannot be had its half of the contract is skipped, but never silently in CI."""
    if os.environ.get(ENVIRONMENT_KEY) == "stand-in":
        pytest.skip(f"{ENVIRONMENT_KEY}=stand-in")
    server = find_server()
    if not server.real:
        story = "no real Toxiproxy: " + "; ".join(map(str, server.steps))
        (pytest.fail if os.environ.get("CI") else pytest.skip)(story)
    return server


@pytest.fixture(params=["real", "stand-in"])
def server(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Server:
    """Both servers, held to one contract."""
    if request.param == "real":
        found: Server = request.getfixturevalue("real_server")
        return found
    monkeypatch.setenv(ENVIRONMENT_KEY, "stand-in")
    return find_server()


@pytest.fixture
async def network(server: Server) -> AsyncIterator[Network]:
    """A running server; whatever a test does to it, it must be clean and gone afterwards."""
    async with await Network.start(server) as network:
        yield network
        await network.assert_clean()


class Callee:
    """An HTTP server with keep-alive that counts what it executes, by path."""

    def __init__(self) -> None:
        self.port = 0
        self.executed: Counter[str] = Counter()
        self._execution = asyncio.Event()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                self.executed[head.split(b" ")[1].decode()] += 1
                self._execution.set()
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(REPLY_BODY))
                writer.write(REPLY_BODY)
                await writer.drain()
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            writer.close()

    async def until_executed(self, path: str) -> None:
        async with asyncio.timeout(5):
            while not self.executed[path]:
                self._execution.clear()
                await self._execution.wait()


@pytest.fixture
async def callee() -> AsyncIterator[Callee]:
    callee = Callee()
    server = await asyncio.start_server(callee.serve, "127.0.0.1", 0)
    callee.port = server.sockets[0].getsockname()[1]
    yield callee
    server.close()


async def until(condition: Callable[[], Awaitable[object]]) -> None:
    """Asks again until the condition holds, or the test fails for waiting too long."""
    async with asyncio.timeout(5):
        while not await condition():  # noqa: ASYNC110 - the proxy's counters have no event
            await asyncio.sleep(0.002)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a caller saw and how long it took."""

    saw: Sees
    seconds: float


async def call(port: int, path: str = "/", limit_s: float = 5.0) -> Seen:
    """One request on a fresh connection."""
    start_s = time.monotonic()
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=limit_s, trust_env=False) as client:
        saw = await outcome(client, path)
    return Seen(saw=saw, seconds=time.monotonic() - start_s)


async def outcome(client: httpx.AsyncClient, path: str) -> Sees:
    """What one request came to, in the words of the fault table."""
    try:
        async with client.stream("GET", path) as response:
            return await _answered(response)
    except httpx.ConnectError:
        return Sees.REFUSED
    except httpx.ReadTimeout:
        return Sees.SILENCE
    except httpx.ReadError:
        return Sees.RESET
    except httpx.RemoteProtocolError as error:
        return Sees.EOF if "without sending a response" in str(error) else Sees.TORN


async def _answered(response: httpx.Response) -> Sees:
    assert await response.aread() == REPLY_BODY
    return Sees.ANSWER
