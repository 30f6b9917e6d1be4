"""Waiting until a process is ready, and saying well why it is not.

Python services tell when they listen, so their first try succeeds; commands are asked again and again, at first every
few milliseconds. The wait is bounded, and ends at once when the process ends.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import ContractError, HarnessError, Problem
from harness.targets.messages import Exit
from harness.targets.ports import HOST
from harness.targets.running import Running

__all__ = ["Readiness", "answers", "log_tail", "wait_until_ready"]

FIRST_PAUSE_S = 0.005
LONGEST_PAUSE_S = 0.1
TRY_LIMIT_S = 1.0
TAIL_BYTES = 8192


@dataclass(frozen=True, slots=True, kw_only=True)
class Readiness:
    """When a process counts as ready.

    how: an HTTP path that answers below 400, "tcp" for a port that accepts, "none" for a process that is running.
    within_s: how long it may take, in seconds.
    settle_s: how long a process without a port has to stay alive to count as running; 0 takes its word for it.
    """

    how: str
    within_s: float = 10.0
    settle_s: float = 0.0


async def wait_until_ready(
    running: Running,
    readiness: Readiness,
    *,
    port: int | None,
    log: Path,
    error: type[HarnessError] = ContractError,
    write_log: Callable[[], Awaitable[None]] | None = None,
) -> float:
    """Waits until a process is ready.

    Args:
        running: the process.
        readiness: what to wait for, and how long.
        port: its port on the loopback interface; None only where readiness is "none".
        log: where its output goes, quoted when it fails.
        error: what to raise: a broken contract at the first start, a service error after a fault.
        write_log: brings the log up to date before it is quoted, where the output does not go there by itself.

    Returns:
        how many seconds it took.

    Raises:
        HarnessError: of the type asked for: it ended, or did not become ready in time.
    """
    begin_s = time.monotonic()
    waiting = asyncio.ensure_future(_ready(running, readiness, port))
    try:
        both: set[asyncio.Future[Any]] = {waiting, running.exited}
        await asyncio.wait(both, timeout=readiness.within_s, return_when=asyncio.FIRST_COMPLETED)
        if write_log is not None and (running.exited.done() or not waiting.done()):
            await write_log()
        if running.exited.done():
            raise error(_ended_problem(running.exited.result(), time.monotonic() - begin_s, log))
        if not waiting.done():
            raise error(_silence_problem(running, readiness, port, log))
        waiting.result()
    finally:
        waiting.cancel()
    return time.monotonic() - begin_s


async def _ready(running: Running, readiness: Readiness, port: int | None) -> None:
    if readiness.how == "none":
        await _settled(running, readiness.settle_s)
    else:
        assert port is not None, f"{running.name}: readiness {readiness.how!r} needs a port"
        await _answers(running, readiness.how, port)


async def _settled(running: Running, settle_s: float) -> None:
    if running.announces:
        await asyncio.shield(running.up)
    await asyncio.sleep(settle_s)


async def _answers(running: Running, how: str, port: int) -> None:
    """Asks until there is a good answer, less and less often."""
    if running.announces:  # an app says when; a `main` says that it is called, and opens its port later
        await asyncio.shield(running.up)
    await _asked(how, HOST, port)


async def answers(how: str, host: str, port: int, within_s: float) -> bool:
    """Whether a server that somebody else has started gives a good answer in time. See `Readiness`."""
    try:
        await asyncio.wait_for(_asked(how, host, port), within_s)
    except TimeoutError:
        return False
    return True


async def _asked(how: str, host: str, port: int) -> None:
    pause_s = FIRST_PAUSE_S
    while not await _answers_now(how, host, port):
        await asyncio.sleep(pause_s)
        pause_s = min(pause_s * 1.5, LONGEST_PAUSE_S)


async def _answers_now(how: str, host: str, port: int) -> bool:
    try:
        async with asyncio.timeout(TRY_LIMIT_S):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                return how == "tcp" or await _get(reader, writer, how, f"{host}:{port}") < 400
            finally:
                writer.close()
    except (OSError, TimeoutError, ValueError):
        return False


async def _get(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: str, host: str) -> int:
    """The status of a GET. Raises ValueError where the answer is not HTTP."""
    writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
    version, _, rest = (await reader.readline()).partition(b" ")
    if not version.startswith(b"HTTP/"):
        raise ValueError(f"not HTTP: {version!r}")
    status = int(rest.split()[0]) if rest.split() else 0
    if not 100 <= status < 600:
        raise ValueError(f"not a status: {status}")
    return status


def log_tail(log: Path, lines: int = 10) -> str:
    """The last lines of a log, or a word on why there are none."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - TAIL_BYTES))
            text = file.read().decode("utf-8", "replace")
    except OSError as error:
        return f"no log: {error.strerror}"
    return "\n".join(text.splitlines()[-lines:]) or "nothing was printed"


def _ended_problem(exit: Exit, after_s: float, log: Path) -> Problem:
    fixes = {
        0: "let the command stay in the foreground: what is started must run until it is told to end",
        127: "check `start` in the manifest: the program must be on PATH, or relative to `cwd`",
    }
    return Problem(
        what=f"process {exit.name!r} ended before it was ready",
        where=f'[[process]] name = "{exit.name}"',
        expected="it keeps running",
        got=f"{exit.how} after {after_s:.2f} s",
        evidence=log_tail(log),
        fix=fixes.get(exit.status if exit.status is not None else -1, "mend what its last lines complain of"),
    )


def _silence_problem(running: Running, readiness: Readiness, port: int | None, log: Path) -> Problem:
    if readiness.how == "none":
        return Problem(
            what=f"process {running.name!r} was not loaded within {readiness.within_s:g} s",
            where=f'[[process]] name = "{running.name}"',
            expected="its module is imported and its `main` called",
            evidence=log_tail(log),
            fix="raise `ready_s`, or move work that is done on import into `main`",
        )
    asked = "a connection" if readiness.how == "tcp" else f"GET {readiness.how}"
    return Problem(
        what=f"process {running.name!r} runs, but was not ready within {readiness.within_s:g} s",
        where=f'[[process]] name = "{running.name}", ready = "{readiness.how}"',
        expected=f"{asked} answered at {HOST}:{port}",
        got="no answer, or a status of 400 and above",
        evidence=log_tail(log),
        fix="let it listen at `{port}` (in `start` or `env`), or mend `ready`, or raise `ready_s`",
    )
