"""What all targets have in common: their lives one after the other, who starts the next, and what is told of it.

A process and a container differ in how a life is begun and hurt (the methods at the end, which they fill in). That
everything around it is the same code is why the same plan means the same on both.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

from harness.errors import ContractError, FaultError, HarnessError, ServiceError
from harness.targets.keeper import Scope
from harness.targets.messages import Exit
from harness.targets.ready import Readiness, wait_until_ready
from harness.targets.running import Running
from harness.targets.supervise import RESTART_DELAY_S, Restart, Supervisor
from harness.targets.target import Tell

__all__ = ["IDENTITY", "SupervisedTarget"]

IDENTITY = "RETRIGGER_IDENTITY"
"""Environment variable that tells a process who it is."""


class SupervisedTarget(ABC):
    """One process of the manifest over all its lives. Implements `Target`.

    A process that ends by itself is started again as its `restart` policy says; one that was killed or terminated here
    stays dead until `restart` or `replace`. Every change is told: started, ready, killed, exited, paused, resumed.
    """

    kind = "process"
    """What it is called in errors."""

    def __init__(
        self,
        name: str,
        readiness: Readiness,
        *,
        port: int | None,
        log: Path,
        restart: Restart,
        tell: Tell,
        restart_delay_s: float = RESTART_DELAY_S,
    ) -> None:
        """
        Args:
            name: as in the manifest.
            readiness: when it counts as ready.
            port: where it listens on the loopback interface, if it does.
            log: where its output goes.
            restart: what happens when it ends by itself.
            tell: receives every change.
            restart_delay_s: seconds between its end and its new start by the supervisor.
        """
        self._name = name
        self._readiness = readiness
        self._port = port
        self._log = log
        self._tell = tell
        self._number = 1
        self._restart = restart
        self._restart_delay_s = restart_delay_s
        self._running: Running | None = None
        self._supervisor = Supervisor(restart, self._start_again, restart_delay_s)

    @property
    def name(self) -> str:
        return self._name

    @property
    def identity(self) -> str:
        return f"{self.name}-{self._number}"

    @property
    def pid(self) -> int | None:
        return self._running.pid if self._running is not None and not self._running.exited.done() else None

    async def start(self) -> None:
        """See `Target.start`. A process that ends before it was ever ready is not supervised: that is no contract."""
        try:
            await self._come_to_life(ContractError)
        except BaseException:
            await self._give_up()
            raise

    async def kill(self, scope: Scope = "tree", child: int | None = None) -> Exit:
        """See `Target.kill`. Killing one child leaves the process as it is."""
        running = self._living()
        if scope != "child":
            self._supervisor.stand_down()
        exit = await self._kill(running, scope, child)
        self._report("killed", pid=exit.pid, status=exit.how, scope=scope, killed=list(exit.killed))
        if exit.how != "SIGKILL":
            raise FaultError(f"{self.kind} {self.name!r} ended by itself with {exit.how} before it could be killed")
        return exit

    async def dies(self) -> Exit:
        """See `Target.dies`."""
        running = self._living()
        running.asked_to_end = True
        try:
            exit = await asyncio.shield(running.exited)
        except asyncio.CancelledError:
            running.asked_to_end = False
            raise
        if exit.how != "SIGKILL":
            self._exited(exit)
            raise FaultError(f"{self.kind} {self.name!r} ended by itself with {exit.how}")
        self._supervisor.stand_down()
        self._report("killed", pid=exit.pid, status=exit.how, scope="tree", killed=list(exit.killed))
        return exit

    async def terminate(self, grace_s: float) -> Exit:
        """See `Target.terminate`."""
        running = self._living()
        self._supervisor.stand_down()
        exit = await self._terminate(running, grace_s)
        self._report("killed", pid=running.pid, status=exit.how, scope="terminate", killed=list(exit.killed))
        return exit

    async def pause(self) -> tuple[int, ...]:
        """See `Target.pause`."""
        stopped = await self._pause(self._living())
        self._report("paused", pid=self.pid, stopped=list(stopped))
        return stopped

    async def resume(self) -> None:
        """See `Target.resume`."""
        await self._resume(self._living())
        self._report("resumed", pid=self.pid)

    async def restart(self) -> None:
        """See `Target.restart`. Raises ServiceError where it does not become ready.

        Its supervisor works already: where it ends by itself before it is ready, for instance because what it needs is
        not there yet, it is started again, as long as it may take to become ready.
        """
        self._supervisor.stand_down()
        if self.pid is not None:
            await self.kill()
        end_s = time.monotonic() + self._readiness.within_s
        try:
            while not await self._came_back(end_s):
                continue
        except BaseException:
            await self._give_up()
            raise

    async def _came_back(self, end_s: float) -> bool:
        """One try of a restart; False where it ended by itself, after which it has waited and may be tried again."""
        try:
            await self._come_to_life(ServiceError)
        except ServiceError:
            crashed = self._running is not None and self._running.exited.done() and not self._running.asked_to_end
            if not crashed or self._restart == "never" or time.monotonic() > end_s:
                raise
            self._supervisor.stand_down()  # this is the supervisor now
            await asyncio.sleep(self._restart_delay_s)
            return False
        return True

    async def replace(self) -> None:
        """See `Target.replace`. Port, log and data folder stay; RETRIGGER_IDENTITY changes."""
        self._number += 1
        await self.restart()

    async def stop(self) -> None:
        """See `Target.stop`."""
        self._supervisor.stand_down()
        if self.pid is not None:
            with contextlib.suppress(FaultError):  # it ended by itself just now
                await self.kill()
        self._supervisor.stand_down()
        await self._sweep()

    def _living(self) -> Running:
        if self._running is None or self._running.exited.done():
            raise FaultError(f"{self.kind} {self.name!r} is not running{self._last_words()}")
        return self._running

    def _last_words(self) -> str:
        return f": {self._running.exited.result().how}" if self._running is not None else ""

    async def _come_to_life(self, error: type[HarnessError]) -> None:
        """Starts a life and waits until it is ready."""
        running = self._running = await self._spawn()
        self._report("started", pid=running.pid, identity=self.identity)
        took_s = await wait_until_ready(
            running, self._readiness, port=self._port, log=self._log, error=error, write_log=self._write_log
        )
        self._report("ready", pid=running.pid, took_s=round(took_s, 4))

    async def _give_up(self) -> None:
        """A start has failed or was cancelled: nothing of it stays, and nobody tries again."""
        self._supervisor.stand_down()
        if self._running is not None and not self._running.exited.done():
            with contextlib.suppress(FaultError):
                await self._kill(self._running, "tree", None)

    async def _start_again(self) -> None:
        """What the supervisor does. It does not care for readiness: that somebody is not ready shows in the history."""
        with contextlib.suppress(HarnessError):
            await self._come_to_life(ServiceError)

    def _exited(self, exit: Exit) -> None:
        self._report("exited", pid=exit.pid, status=exit.how, killed=list(exit.killed))
        self._supervisor.ended()

    def _report(self, state: str, **data: Any) -> None:
        self._tell(self.name, {"state": state, **data})

    # --- what makes it a process or a container -------------------------------------------------------------------

    @abstractmethod
    async def _spawn(self) -> Running:
        """Begins a life as the present identity; its end by itself goes to `_exited`."""

    @abstractmethod
    async def _kill(self, running: Running, scope: Scope, child: int | None) -> Exit:
        """See `Target.kill`."""

    @abstractmethod
    async def _terminate(self, running: Running, grace_s: float) -> Exit:
        """See `Target.terminate`."""

    @abstractmethod
    async def _pause(self, running: Running) -> tuple[int, ...]:
        """See `Target.pause`."""

    @abstractmethod
    async def _resume(self, running: Running) -> None:
        """See `Target.resume`."""

    @abstractmethod
    async def _sweep(self) -> None:
        """Removes what the dead target has left behind."""

    async def _write_log(self) -> None:  # noqa: B027 - a process has nothing to do here
        """Brings the log up to date before it is quoted; nothing to do where the output goes there by itself."""
