"""Killing a process at its n-th call of the kernel: strace, attached to it, delivers SIGKILL as the call is made.

The call is not carried out. Calls are counted in each thread by itself, from the moment of attaching. That the process
died of this, and of nothing else, is read from what strace wrote down.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import re
import shutil
import signal
import tempfile
from asyncio.subprocess import DEVNULL, PIPE, Process
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from harness.errors import FaultError, Problem, SetupError

__all__ = ["Trace", "can_trace", "require_strace"]

ATTACH_LIMIT_S = 5.0
END_LIMIT_S = 5.0
FAMILIES = {"rename": ("rename", "renameat", "renameat2"), "unlink": ("unlink", "unlinkat")}


class Trace:
    """strace on one process. syscall, n: at which call it is killed."""

    def __init__(self, process: Process, log: Path, syscall: str, n: int) -> None:
        self._process = process
        self._log = log
        self.syscall = syscall
        self.n = n

    @classmethod
    async def attach(cls, pid: int, syscall: str, n: int) -> Trace:
        """Attaches to all threads of a process; returns once every further call is counted.

        Raises:
            FaultError: there is no strace, or it may not attach.
        """
        descriptor, name = tempfile.mkstemp(prefix="retrigger-strace-")
        os.close(descriptor)
        log = Path(name)
        calls = ",".join(f"?{name}" for name in _alike(syscall))  # not every machine has each of them
        inject = f"inject={calls}:signal=KILL:when={n}"
        command = ("strace", "-f", "-o", str(log), "-p", str(pid), "-e", f"trace={calls}", "-e", inject)
        try:
            process = await asyncio.create_subprocess_exec(*command, stdin=DEVNULL, stdout=DEVNULL, stderr=PIPE)
        except OSError as error:
            os.unlink(log)
            raise FaultError(_impossible(f"strace cannot be run: {error.strerror}")) from error
        trace = cls(process, log, syscall, n)
        try:
            await trace._attached()
        except BaseException:
            await trace.end()
            raise
        return trace

    async def _attached(self) -> None:
        assert self._process.stderr is not None
        said = ""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ATTACH_LIMIT_S):
                said = (await self._process.stderr.readline()).decode(errors="replace").strip()
        if " attached" not in said:
            raise FaultError(_impossible(said or "strace said nothing"))

    async def proof(self) -> str:
        """What shows that the process died of this; empty where nothing does. Waits for strace to end with it."""
        await self._ended(END_LIMIT_S)
        calls: dict[str, int] = {}
        for line in self._log.read_text(errors="replace").splitlines():
            thread, _, what = line.partition(" ")
            calls[thread] = calls.get(thread, 0) + bool(re.match(rf"\s*({'|'.join(_alike(self.syscall))})\(", what))
            if "+++ killed by SIGKILL +++" in what and self.n in calls.values():
                return f"strace saw call {self.n} of {self.syscall} begin, and the process end by SIGKILL"
        return ""

    async def end(self) -> None:
        """Detaches; the process goes on as if nothing had been."""
        if self._process.returncode is None:
            self._process.send_signal(signal.SIGINT)
        await self._ended(END_LIMIT_S)
        self._log.unlink(missing_ok=True)

    async def _ended(self, limit_s: float) -> None:
        try:
            async with asyncio.timeout(limit_s):
                await self._process.communicate()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()


def _alike(syscall: str) -> tuple[str, ...]:
    """The calls that do the same; a program keeps to one of them, so they are counted as one."""
    return FAMILIES.get(syscall, (syscall,))


def _impossible(got: str) -> Problem:
    return Problem(
        what="a process cannot be killed at a call of the kernel here",
        expected="strace, and the right to attach to processes of the same user (CAP_SYS_PTRACE, or ptrace_scope 0)",
        got=got,
        fix="install strace, or run the explorations that need none",
    )


@functools.cache
def can_trace() -> bool:
    """Whether a process can be killed at a call of the kernel here; tried once, also from within an event loop."""
    if shutil.which("strace") is None:
        return False
    with ThreadPoolExecutor(1) as pool:
        try:
            pool.submit(lambda: asyncio.run(require_strace())).result()
        except SetupError:
            return False
    return True


async def require_strace() -> None:
    """Tries it on a process of our own, a brother of strace as those of the system under test are.

    Raises:
        SetupError: there is no strace here, or it may not attach to processes.
    """
    sleeper = await asyncio.create_subprocess_exec(shutil.which("sleep") or "sleep", "60")
    try:
        await (await Trace.attach(sleeper.pid, "fsync", 1)).end()
    except FaultError as error:
        raise SetupError(*error.problems) from error
    finally:
        with contextlib.suppress(ProcessLookupError):
            sleeper.kill()
        await sleeper.wait()
