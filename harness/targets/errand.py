"""Running a command to its end under the keeper, so that it too ends with the harness, however the harness ends."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, replace

from harness.errors import FaultError
from harness.targets.keeper import Keeper
from harness.targets.messages import Exit, Start

__all__ = ["Errand", "run_errand"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """How a command ended, and what it printed to its output and to its errors."""

    exit: Exit
    output: str
    errors: str


async def run_errand(keeper: Keeper, start: Start, within_s: float) -> Errand:
    """Runs a command once.

    Args:
        keeper: who starts and kills it. start: a command; its log becomes the output of this run alone.
        within_s: how long it may take; then it is killed with all that it has started.

    Raises:
        TimeoutError: it took longer.
    """
    errors = start.log.with_suffix(".errors")
    for file in (start.log, errors):
        file.unlink(missing_ok=True)
    command = ("/bin/sh", "-c", 'exec "$@" 2>"$0"', str(errors), *start.command)
    running = await keeper.spawn(replace(start, command=command))
    try:
        async with asyncio.timeout(within_s):
            exit = await asyncio.shield(running.exited)
    except BaseException as error:
        with contextlib.suppress(FaultError):  # it has just ended by itself
            await keeper.kill(running.pid)
        if isinstance(error, TimeoutError):
            raise TimeoutError(f"{start.command[0]} took longer than {within_s:g} s") from None
        raise
    return Errand(
        exit=exit,
        output=start.log.read_text(encoding="utf-8", errors="backslashreplace"),
        errors=errors.read_text(encoding="utf-8", errors="backslashreplace") if errors.exists() else "",
    )
