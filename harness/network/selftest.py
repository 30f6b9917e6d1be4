"""Tools you can trust: every row of the fault table is proven against the server at hand before a run relies on it.

An echo server in this process plays the callee and counts what it executes; a bare client plays the caller and says
what it saw. Rows run side by side, each on a link of its own. After the fault is healed, each row must get a normal
answer, or the heal proves nothing.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from harness.errors import Problem, SetupError
from harness.network.faults import FAULTS, Executes, Fault, Sees
from harness.network.network import Link, Network

__all__ = ["Row", "selftest"]

SILENCE_S = 0.08
"""How long nothing has to come before it counts as silence."""
PATIENCE_S = 3.0
"""How long a row waits for what must come: generous, because a busy machine is no finding."""
REPLY = b"HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\n" + b"e" * 40
LATE_S = 0.015
"""Less than what every slow row adds by default, more than a healthy answer takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What one row of the table showed.

    name: the fault.
    executed: whether and when the callee executed the request.
    saw: what the caller saw.
    """

    name: str
    executed: Executes
    saw: Sees


async def selftest(network: Network) -> list[Row]:
    """Proves every row.

    Args:
        network: a running server; it gets links of the self-test's own, which are removed again.

    Returns:
        The rows, as seen.

    Raises:
        SetupError: names every row that disagrees with the table, with the server's version.
    """
    async with _echo() as echo, AsyncExitStack() as links:
        rows = [
            _Trial(await _link(links, network, fault.name, echo.port), echo).run(fault) for fault in FAULTS.values()
        ]
        dead = await _link(links, network, "callee dead", 1)
        *seen, dead_row = await asyncio.gather(*rows, _callee_dead(dead))
        # A row that disagrees is asked once more, alone: a machine that was busy for a moment is no finding.
        for place, row in enumerate(seen):
            if _disagreement_of(network, row):
                link = await _link(links, network, f"{row.name} again", echo.port)
                seen[place] = await _Trial(link, echo).run(FAULTS[row.name], tag="-again")
    problems = [_disagreement_of(network, row) for row in seen]
    problems.append(_disagreement(network, dead_row, Executes.NO, Sees.EOF))
    if any(problems):
        raise SetupError(*filter(None, problems))
    return [*seen, dead_row]


class _Echo:
    """The callee. A request is executed when it is there as a whole, down to its empty line."""

    def __init__(self) -> None:
        self.port = 0
        self.executed: Counter[str] = Counter()
        self.execution = asyncio.Condition()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                async with self.execution:
                    self.executed[head.split(b" ")[1].decode()] += 1
                    self.execution.notify_all()
                writer.write(REPLY)
                await writer.drain()
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            writer.close()

    async def executes(self, path: str, within_s: float) -> bool:
        """Whether the request is executed, now or within the time."""
        try:
            async with asyncio.timeout(within_s), self.execution:
                await self.execution.wait_for(lambda: self.executed[path] > 0)
        except TimeoutError:
            return False
        return True


@asynccontextmanager
async def _echo() -> AsyncIterator[_Echo]:
    echo = _Echo()
    server = await asyncio.start_server(echo.serve, "127.0.0.1", 0)
    echo.port = server.sockets[0].getsockname()[1]
    try:
        yield echo
    finally:
        server.close()


async def _link(stack: AsyncExitStack, network: Network, name: str, port: int) -> Link:
    link = await network.link(f"self-test {name}", f"127.0.0.1:{port}")
    stack.push_async_callback(link.remove)
    return link


class _Trial:
    """One row on one link."""

    def __init__(self, link: Link, echo: _Echo) -> None:
        self.link = link
        self.echo = echo

    async def run(self, fault: Fault, tag: str = "") -> Row:
        path = "/" + fault.name.replace(" ", "-") + tag
        limit_s = SILENCE_S if fault.sees is Sees.SILENCE else PATIENCE_S
        async with self.link.fault(fault):
            saw = await _saw(self.link.port, path, limit_s)
            at_once = await self.echo.executes(path, PATIENCE_S if fault.executes is Executes.YES else 0)
        healed = await _saw(self.link.port, path + "-healed", PATIENCE_S)
        later = await self.echo.executes(path, PATIENCE_S if fault.executes is Executes.LATER else 0)
        executed = Executes.YES if at_once else Executes.LATER if later else Executes.NO
        # A healthy answer may be late on a busy machine; that the toxic is gone was verified by the heal.
        return Row(name=fault.name, executed=executed, saw=saw if healed in (Sees.ANSWER, Sees.LATE) else healed)


async def _callee_dead(link: Link) -> Row:
    """Nobody listens behind the proxy: it accepts before it dials, so the caller is cut, not refused."""
    saw = await _saw(link.port, "/dead", PATIENCE_S)
    return Row(name="callee dead", executed=Executes.NO, saw=Sees.EOF if saw is Sees.RESET else saw)


async def _saw(port: int, path: str, limit_s: float) -> Sees:
    """Sends one request on a fresh connection and says what the caller saw."""
    start_s = time.monotonic()
    received = b""
    writer = None
    try:
        async with asyncio.timeout(limit_s):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(f"GET {path} HTTP/1.1\r\nHost: self-test\r\n\r\n".encode())
            while len(received) < len(REPLY):
                data = await reader.read(len(REPLY))
                if not data:
                    return Sees.TORN if received else Sees.EOF
                received += data
    except ConnectionRefusedError:
        return Sees.REFUSED
    except OSError as error:
        return Sees.SILENCE if isinstance(error, TimeoutError) else Sees.RESET
    finally:
        if writer:
            writer.close()
    return Sees.LATE if time.monotonic() - start_s > LATE_S else Sees.ANSWER


def _disagreement_of(network: Network, row: Row) -> Problem | None:
    return _disagreement(network, row, FAULTS[row.name].executes, FAULTS[row.name].sees)


def _disagreement(network: Network, row: Row, executes: Executes, sees: Sees) -> Problem | None:
    agrees = row.saw is sees and executes in (row.executed, Executes.MAYBE)
    if agrees:
        return None
    return Problem(
        what=f"The network fault `{row.name}` does not do what its table says.",
        where=str(network.server),
        expected=f"callee executes: {executes}; caller sees: {sees}",
        got=f"callee executes: {row.executed}; caller sees: {row.saw}",
        fix="retrigger doctor, or RETRIGGER_TOXIPROXY=PATH of another server",
    )
