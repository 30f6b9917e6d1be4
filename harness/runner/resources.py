"""One broker or database of a universe while it runs: its server's process, and how it is emptied between cases."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from harness.errors import Problem, ServiceError, SetupError
from harness.manifest.model import Resource
from harness.manifest.placeholders import fill
from harness.stores import ResourceKind, StoreUnreadable
from harness.stores.resources import resource_kind
from harness.targets import Keeper, ProcessTarget, Readiness, Start, base_environment, run_errand
from harness.targets.target import Tell

__all__ = ["RunningResource"]

PREPARE_S = 60.0


class RunningResource:
    """A resource in its folder. Made first, then `start`, then `empty` before each case.

    Args:
        resource: as declared. port: reserved for it. folder: for it alone; what is in it survives kills.
        cwd: where a command of the manifest runs. keeper: who starts it. tell: hears of its changes.
    """

    def __init__(self, resource: Resource, *, port: int, folder: Path, cwd: Path, keeper: Keeper, tell: Tell) -> None:
        self.resource = resource
        self.kind: ResourceKind = resource_kind(resource, port)
        self._folder = folder
        self._keeper = keeper
        folder.mkdir(mode=0o700)
        values = {"port": str(port), "data": str(folder)}
        self._start = Start(
            name=f"{folder.parent.name}.{resource.name}",  # other universes of this worker may have one of that name
            env=base_environment()
            | dict(self.kind.env)
            | {name: fill(text, values) for name, text in resource.env.items()},
            cwd=cwd if resource.start else folder.parent,
            log=folder.parent / f"{resource.name}.log",
            command=tuple(fill(self.kind.command(folder), values)),
            port=port,
        )
        readiness = Readiness(how=resource.ready or "tcp", within_s=resource.ready_s)
        self.target = ProcessTarget(keeper, self._start, readiness, restart="always", tell=tell, called=resource.name)

    async def start(self) -> None:
        """Prepares its folder, starts it, and waits until it answers; one that each case starts anew can wait.

        Raises:
            ContractError, ServiceError, SetupError: it cannot be prepared, or does not become ready.
        """
        await self.kind.prepare(self._folder, self._run)
        if not self.kind.afresh:
            await self.target.start()
            await self.kind.awake()

    async def _run(self, command: Sequence[str]) -> None:
        """Runs a command of its preparation to its end."""
        name = f"{self._start.name}-prepare"
        log = self._start.log.with_name(f"{name}.log")
        start = Start(name=name, env=self._start.env, cwd=self._start.cwd, log=log, command=tuple(command))
        try:
            done = await run_errand(self._keeper, start, PREPARE_S)
        except TimeoutError as error:
            raise SetupError(f"resource {self.resource.name!r} cannot be prepared: {error}") from None
        if done.exit.status != 0:
            raise SetupError(
                Problem(
                    what=f"resource {self.resource.name!r} cannot be prepared",
                    expected=" ".join(command),
                    got=done.exit.how,
                    evidence=(done.errors or done.output).strip()[-600:],
                    fix="mend what it complains of; as root, try another user",
                )
            )

    async def empty(self) -> None:
        """Brings it back to how it was in the beginning.

        Raises:
            ServiceError: it does not answer, not even after a restart.
        """
        if self.kind.afresh:
            await self._start_afresh()
            return
        try:
            await self.kind.reset()
        except StoreUnreadable:  # the last case left it dead or in pieces
            await self.target.restart()
            await self.kind.awake()
            await self._reset_or_fail()

    async def _reset_or_fail(self) -> None:
        try:
            await self.kind.reset()
        except StoreUnreadable as error:
            raise ServiceError(f"resource {self.resource.name!r} cannot be emptied: {error}") from error

    async def _start_afresh(self) -> None:
        await self.target.stop()
        shutil.rmtree(self._folder)
        self._folder.mkdir(mode=0o700)
        await self.target.start()
        await self.kind.awake()
