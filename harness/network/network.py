"""One Toxiproxy server for one universe: its process, its links, and the faults on them.

The server takes its ports from the kernel, so that any number of them live side by side. A link's port is held by a
socket of our own that is bound but never listens: while a link is refused, the kernel refuses callers and nobody else
gets the port, and a server that had to be replaced finds all its ports free.

The control API can hang while a toxic is removed under load. Every call therefore has a time limit; when it passes, the
process is killed and replaced, links keep their ports, and the error says so: what was seen meanwhile proves nothing.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import TypeVar

import psutil

from harness.errors import FaultError, Problem, SetupError, UndoError
from harness.network.client import ProxyState, ToxiproxyClient, Unresponsive
from harness.network.faults import Fault, Passed, fault_named
from harness.network.find import Server

__all__ = ["Link", "Network", "Undo"]

Kill = Callable[[int], Awaitable[None]]
Spawn = Callable[[list[str]], Awaitable[int]]
T = TypeVar("T")

LOOPBACK = "127.0.0.1"
START_LIMIT_S = 10.0
KILL_LIMIT_S = 5.0


class Network:
    """A running server. Made by `Network.start`; ends with `close`, or as an async context manager.

    server: what is running.
    links: by name.
    pid: of the running process; changes when it is replaced.
    """

    def __init__(self, server: Server, spawn: Spawn, kill: Kill, limit_s: float) -> None:
        self.server = server
        self.links: dict[str, Link] = {}
        self.pid = 0
        self._spawn = spawn
        self._kill = kill
        self._limit_s = limit_s
        self._client: ToxiproxyClient | None = None
        self._replacing = asyncio.Lock()

    @classmethod
    async def start(
        cls, server: Server, *, spawn: Spawn | None = None, kill: Kill | None = None, limit_s: float = 2.0
    ) -> Network:
        """Starts a server.

        Args:
            server: from `find_server`.
            spawn: starts a command and returns its pid; whoever gives it owns the process. A plain child by default.
            kill: ends that process at once and returns when it is gone.
            limit_s: how long a call of the control API may take before the server counts as hung.

        Raises:
            SetupError: the process ended, or did not listen in time.
        """
        children = _Children()
        network = cls(server, spawn or children.spawn, kill or (_kill_pid if spawn else children.kill), limit_s)
        await network._launch()
        return network

    async def __aenter__(self) -> Network:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Ends the process and gives the links' ports back."""
        async with self._replacing:
            await self._end()
        for link in self.links.values():
            link._release()
        self.links.clear()

    async def link(self, name: str, upstream: str, *, host: str = LOOPBACK) -> Link:
        """Puts a proxy in front of `upstream`.

        Args:
            name: unique, without `/` and quotes.
            upstream: `host:port` of the callee; nobody needs to listen there yet.
            host: address of this machine to listen on: loopback, or one that its containers alone can reach.
        """
        reservation = _reserved_port(host)
        port = reservation.getsockname()[1] if reservation else 0
        try:
            state = await self._call(lambda client: client.create(name, upstream, host=host, port=port))
        except FaultError:
            if reservation:
                reservation.close()
            raise
        self.links[name] = Link(self, state, reservation, host)
        return self.links[name]

    async def reset(self) -> None:
        """Removes every toxic, enables every link, and verifies it.

        Raises:
            UndoError: something stands in the way of traffic still.
        """
        with _failing_as_undo():
            await self._call(lambda client: client.reset())
        await self.assert_clean()

    async def assert_clean(self) -> None:
        """Verifies with one call that no link has a toxic and all are enabled.

        Raises:
            UndoError: names every link that is not.
        """
        with _failing_as_undo():
            states = await self._call(lambda client: client.proxies())
        problems = [link._unclean(states.get(name)) for name, link in self.links.items()]
        if any(problems):
            raise UndoError(*filter(None, problems))

    async def replace(self) -> None:
        """Kills the server and starts another with the same links on the same ports, without faults.

        Raises:
            SetupError: the new one did not start, or a port could not be had again.
        """
        await self._end()
        client = await self._launch()
        for link in self.links.values():
            try:
                await asyncio.to_thread(client.create, link.name, link.upstream, host=link.host, port=link.port)
            except FaultError as error:
                raise SetupError(*error.problems) from error

    async def _end(self) -> None:
        if self._client:
            self._client.close()
            self._client = None
            await self._kill(self.pid)

    async def _launch(self) -> ToxiproxyClient:
        self.pid = await self._spawn(self.server.command)
        try:
            port = await _listening_port(self.pid, self.server)
        except BaseException:
            await self._kill(self.pid)
            raise
        self._client = ToxiproxyClient(port, limit_s=self._limit_s)
        return self._client

    async def _call(self, work: Callable[[ToxiproxyClient], T]) -> T:
        client = self._client
        if client is None:
            raise FaultError("The network is closed, or its server is being replaced.")
        try:
            return await asyncio.to_thread(work, client)
        except Unresponsive as error:
            raise await self._replaced(client, error) from error

    async def _replaced(self, hung: ToxiproxyClient, error: Unresponsive) -> FaultError:
        """Replaces the server once, however many calls found it hung; returns the error that says so."""
        pid = self.pid
        async with self._replacing:
            if self._client is hung:
                await self.replace()
        story = Problem(
            what=f"Toxiproxy (pid {pid}) hung or died; it was killed and replaced by pid {self.pid}.",
            got="links on the same ports, every fault gone; what this case saw proves nothing",
            fix="run the case again",
        )
        return FaultError(*error.problems, story)


class Link:
    """A proxy between a caller and a callee.

    name, upstream: as given to `Network.link`.
    host, port: where callers connect; stays the same for the life of the link.
    """

    def __init__(
        self, network: Network, state: ProxyState, reservation: socket.socket | None, host: str = LOOPBACK
    ) -> None:
        self.name = state.name
        self.upstream = state.upstream
        self.host = host
        self.port = state.port
        self._network = network
        self._reservation = reservation

    @property
    def address(self) -> str:
        """`host:port` for callers."""
        return f"{self.host}:{self.port}"

    @asynccontextmanager
    async def fault(self, name: str | Fault, **amounts: float) -> AsyncIterator[Undo]:
        """The fault for as long as the block runs; its exit heals and verifies. See `apply`."""
        undo = await self.apply(name, **amounts)
        try:
            yield undo
        finally:
            await undo()

    async def apply(self, name: str | Fault, **amounts: float) -> Undo:
        """Applies a fault until the returned undo is awaited.

        Args:
            name: a fault of `FAULTS`, by name or by the words of a plan.
            amounts: the one number that some faults take: `keep_bytes`, `delay_s`, `rate_bytes_per_s`, `slice_delay_s`.

        Raises:
            FaultError: no such fault or amount, or the server did not do it.
        """
        fault = fault_named(name) if isinstance(name, str) else name
        toxic = fault.toxic_with(amounts)
        before = await self.bytes_passed() if fault.provable else Passed()
        if fault.toxic:
            await self._network._call(lambda client: client.add_toxic(self.name, toxic))
        else:
            await self._network._call(lambda client: client.enable(self.name, False))
        return Undo(self, fault, toxic.name, before)

    async def bytes_passed(self) -> Passed:
        """The bytes of all connections that have ended. An open connection is counted when it ends, not before."""
        return await self._network._call(lambda client: client.bytes_passed(self.name))

    async def remove(self) -> None:
        """Takes the proxy away and gives its port back."""
        await self._network._call(lambda client: client.delete(self.name))
        self._network.links.pop(self.name, None)
        self._release()

    def _release(self) -> None:
        if self._reservation:
            self._reservation.close()

    def _unclean(self, state: ProxyState | None) -> Problem | None:
        if state and state.clean and state.port == self.port:
            return None
        return Problem(
            what=f"Link {self.name} is not healed.",
            where=self.address,
            expected="enabled, no toxics",
            got=str(state) if state else "no such proxy",
        )


class Undo:
    """A fault that is there. Awaiting a call of it heals the link and verifies that it healed; once is enough.

    link, fault: what is applied where.
    """

    def __init__(self, link: Link, fault: Fault, toxic: str, before: Passed) -> None:
        self.link = link
        self.fault = fault
        self._toxic = toxic
        self._before = before
        self._done = False

    async def __call__(self) -> None:
        """Heals.

        Raises:
            UndoError: the server did not remove the fault.
        """
        if self._done:
            return
        self._done = True
        with _failing_as_undo():
            state = await self.link._network._call(self._heal)
        if self._toxic in state.toxics if self.fault.toxic else not state.enabled:
            raise UndoError(Problem(what=f"`{self.fault.name}` on {self.link.name} did not heal.", got=str(state)))

    def _heal(self, client: ToxiproxyClient) -> ProxyState:
        if self.fault.toxic:
            client.remove_toxic(self.link.name, self._toxic)
        else:
            client.enable(self.link.name, True)
        return client.proxy(self.link.name)

    async def proof(self) -> str:
        """The sentence that proves, from the proxy's own counters, that bytes were taken away; empty while they cannot.

        Only for what loses bytes (lost, reset, blackholed, torn), and only once the connection has ended: for a black
        hole that is when the caller gives up, or when the fault is healed. Counters move a moment after the caller has
        seen its end.
        """
        return self.fault.proof(await self.link.bytes_passed() - self._before)


@contextmanager
def _failing_as_undo() -> Iterator[None]:
    """A fault error inside becomes an undo error: what was seen afterwards cannot be trusted."""
    try:
        yield
    except FaultError as error:
        raise UndoError(*error.problems) from error


class _Children:
    """Servers as plain children of this process, in a session of their own so that Ctrl-C leaves them to be closed."""

    def __init__(self) -> None:
        self._children: dict[int, asyncio.subprocess.Process] = {}

    async def spawn(self, command: list[str]) -> int:
        nothing = asyncio.subprocess.DEVNULL
        child = await asyncio.create_subprocess_exec(
            *command, stdin=nothing, stdout=nothing, stderr=nothing, start_new_session=True
        )
        self._children[child.pid] = child
        return child.pid

    async def kill(self, pid: int) -> None:
        child = self._children.pop(pid)
        with suppress(ProcessLookupError):
            child.kill()
        await child.wait()


async def _kill_pid(pid: int) -> None:
    """Kills a process that somebody else will reap, and waits until it holds no port any more."""
    with suppress(psutil.NoSuchProcess, ProcessLookupError):
        process = psutil.Process(pid)
        os.kill(pid, signal.SIGKILL)
        deadline_s = time.monotonic() + KILL_LIMIT_S
        # Polled, because the end of somebody else's child has no event that works on every system.
        while _lives(process) and time.monotonic() < deadline_s:  # noqa: ASYNC110
            await asyncio.sleep(0.002)


def _lives(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


async def _listening_port(pid: int, server: Server) -> int:
    """The control API's port, which the server never prints: its only listening socket before there are links."""
    deadline_s = time.monotonic() + START_LIMIT_S
    try:
        process = psutil.Process(pid)
        while time.monotonic() < deadline_s and process.status() != psutil.STATUS_ZOMBIE:
            for connection in process.net_connections("tcp"):
                if connection.status == psutil.CONN_LISTEN:
                    return int(connection.laddr.port)
            await asyncio.sleep(0.003)
        got = "none" if time.monotonic() >= deadline_s else "it ended at once"
    except psutil.NoSuchProcess:
        got = "it ended at once"
    raise SetupError(
        Problem(
            what=f"{server} does not run.",
            expected=f"a listening port within {START_LIMIT_S:g} s",
            got=got,
            fix=" ".join(server.command),
        )
    )


def _reserved_port(host: str) -> socket.socket | None:
    """A port from the kernel, bound and never listening.

    Only Linux lets another process listen on a port that is bound so; elsewhere the server takes a port itself.
    """
    if sys.platform != "linux":
        return None
    reservation = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    reservation.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    reservation.bind((host, 0))
    return reservation
