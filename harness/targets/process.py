"""A target that is a process of this machine, kept by the universe's keeper."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from harness.errors import ContractError, FaultError, HarnessError, ServiceError
from harness.targets.keeper import Keeper, Running, Scope
from harness.targets.messages import Exit, Start
from harness.targets.ready import Readiness, wait_until_ready
from harness.targets.supervise import RESTART_DELAY_S, Restart, Supervisor
from harness.targets.target import Tell

__all__ = ["IDENTITY", "ProcessTarget", "base_environment"]

IDENTITY = "RETRIGGER_IDENTITY"
"""Environment variable that tells a process who it is."""


def base_environment(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """What a process of the system under test inherits: everything except what concerns the harness's own run.

    Loopback links must not take a detour, so proxies of the network around are told to leave them alone.
    """
    foreign = ("PYTEST_", "COVERAGE_", "COV_CORE_", "RETRIGGER_", "PYTHONSTARTUP", "VIRTUAL_ENV_PROMPT")
    kept = {name: value for name, value in environment.items() if not name.startswith(foreign)}
    return kept | dict.fromkeys(("no_proxy", "NO_PROXY"), "127.0.0.1,localhost")


class ProcessTarget:
    """One process of the manifest over all its lives. Implements `Target`.

    A process that ends by itself is started again as its `restart` policy says; one that was killed or terminated here
    stays dead until `restart` or `replace`. Every change is told: started, ready, killed, exited, paused, resumed.
    """

    def __init__(
        self,
        keeper: Keeper,
        start: Start,
        readiness: Readiness,
        *,
        restart: Restart,
        tell: Tell,
        restart_delay_s: float = RESTART_DELAY_S,
    ) -> None:
        """
        Args:
            keeper: who starts and kills it.
            start: what to run. RETRIGGER_IDENTITY is added to its environment.
            readiness: when it counts as ready.
            restart: what happens when it ends by itself.
            tell: receives every change.
            restart_delay_s: seconds between its end and its new start by the supervisor.
        """
        self._keeper = keeper
        self._start = start
        self._readiness = readiness
        self._tell = tell
        self._number = 1
        self._restart = restart
        self._restart_delay_s = restart_delay_s
        self._running: Running | None = None
        self._supervisor = Supervisor(restart, self._start_again, restart_delay_s)

    @property
    def name(self) -> str:
        return self._start.name

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
        pid = self._living()
        if scope != "child":
            self._supervisor.stand_down()
        exit = await self._keeper.kill(pid, scope, child)
        self._report("killed", pid=exit.pid, status=exit.how, scope=scope, killed=list(exit.killed))
        if exit.how != "SIGKILL":
            raise FaultError(f"process {self.name!r} ended by itself with {exit.how} before it could be killed")
        return exit

    async def terminate(self, grace_s: float) -> Exit:
        """See `Target.terminate`."""
        pid = self._living()
        self._supervisor.stand_down()
        exit = await self._keeper.terminate(pid, grace_s)
        self._report("killed", pid=pid, status=exit.how, scope="terminate", killed=list(exit.killed))
        return exit

    async def pause(self) -> tuple[int, ...]:
        """See `Target.pause`."""
        stopped = await self._keeper.pause(self._living())
        self._report("paused", pid=self.pid, stopped=list(stopped))
        return stopped

    async def resume(self) -> None:
        """See `Target.resume`."""
        await self._keeper.resume(self._living())
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
        await self._keeper.sweep(self.name)

    def _living(self) -> int:
        if self.pid is None:
            raise FaultError(f"process {self.name!r} is not running{self._last_words()}")
        return self.pid

    def _last_words(self) -> str:
        return f": {self._running.exited.result().how}" if self._running is not None else ""

    async def _come_to_life(self, error: type[HarnessError]) -> None:
        """Starts a life and waits until it is ready."""
        start = replace(self._start, env={**self._start.env, IDENTITY: self.identity})
        running = self._running = await self._keeper.spawn(start, self._exited)
        self._report("started", pid=running.pid, identity=self.identity)
        port, log = self._start.port, self._start.log
        took_s = await wait_until_ready(running, self._readiness, port=port, log=log, error=error)
        self._report("ready", pid=running.pid, took_s=round(took_s, 4))

    async def _give_up(self) -> None:
        """A start has failed or was cancelled: nothing of it stays, and nobody tries again."""
        self._supervisor.stand_down()
        if self.pid is not None:
            with contextlib.suppress(FaultError):
                await self._keeper.kill(self.pid)

    async def _start_again(self) -> None:
        """What the supervisor does. It does not care for readiness: that somebody is not ready shows in the history."""
        with contextlib.suppress(HarnessError):
            await self._come_to_life(ServiceError)

    def _exited(self, exit: Exit) -> None:
        self._report("exited", pid=exit.pid, status=exit.how, killed=list(exit.killed))
        self._supervisor.ended()

    def _report(self, state: str, **data: Any) -> None:
        self._tell(self.name, {"state": state, **data})
