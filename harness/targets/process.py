"""A target that is a process of this machine, kept by the universe's keeper."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace

from harness.targets.keeper import Keeper, Scope
from harness.targets.messages import Exit, Start
from harness.targets.ready import Readiness
from harness.targets.running import Running
from harness.targets.supervise import RESTART_DELAY_S, Restart
from harness.targets.supervised import IDENTITY, SupervisedTarget
from harness.targets.target import Tell

__all__ = ["ProcessTarget", "base_environment"]


def base_environment(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """What a process of the system under test inherits: everything except what concerns the harness's own run.

    Loopback links must not take a detour, so proxies of the network around are told to leave them alone.
    """
    foreign = ("PYTEST_", "COVERAGE_", "COV_CORE_", "RETRIGGER_", "PYTHONSTARTUP", "VIRTUAL_ENV_PROMPT")
    kept = {name: value for name, value in environment.items() if not name.startswith(foreign)}
    return kept | dict.fromkeys(("no_proxy", "NO_PROXY"), "127.0.0.1,localhost")


class ProcessTarget(SupervisedTarget):
    """One process of the manifest over all its lives, with all that it starts. Implements `Target`."""

    def __init__(
        self,
        keeper: Keeper,
        start: Start,
        readiness: Readiness,
        *,
        restart: Restart,
        tell: Tell,
        restart_delay_s: float = RESTART_DELAY_S,
        called: str = "",
    ) -> None:
        """
        Args:
            keeper: who starts and kills it.
            start: what to run. RETRIGGER_IDENTITY is added to its environment.
            called: its name for everybody but the keeper, whose names are unique; by default the same.
            readiness, restart, tell, restart_delay_s: see `SupervisedTarget`.
        """
        super().__init__(
            called or start.name,
            readiness,
            port=start.port,
            log=start.log,
            restart=restart,
            tell=tell,
            restart_delay_s=restart_delay_s,
        )
        self._keeper = keeper
        self._start = start

    async def _spawn(self) -> Running:
        start = replace(self._start, env={**self._start.env, IDENTITY: self.identity})
        return await self._keeper.spawn(start, self._exited)

    async def _kill(self, running: Running, scope: Scope, child: int | None) -> Exit:
        return await self._keeper.kill(running.pid, scope, child)

    async def _terminate(self, running: Running, grace_s: float) -> Exit:
        return await self._keeper.terminate(running.pid, grace_s)

    async def _pause(self, running: Running) -> tuple[int, ...]:
        return await self._keeper.pause(running.pid)

    async def _resume(self, running: Running) -> None:
        await self._keeper.resume(running.pid)

    async def _sweep(self) -> None:
        await self._keeper.sweep(self._start.name)
