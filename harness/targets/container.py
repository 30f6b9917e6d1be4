"""A target that is a container of this machine's engine."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

from harness.errors import FaultError, UndoError
from harness.targets import tree
from harness.targets.engine import Container, Engine
from harness.targets.keeper import Scope
from harness.targets.messages import Exit
from harness.targets.ready import Readiness
from harness.targets.running import Running
from harness.targets.supervise import RESTART_DELAY_S, Restart
from harness.targets.supervised import IDENTITY, SupervisedTarget
from harness.targets.target import Tell

__all__ = ["ContainerTarget"]

DEATH_LIMIT_S = 5.0
LOOK_S = 0.003


class ContainerTarget(SupervisedTarget):
    """One process of the manifest over all its lives in containers. Implements `Target`.

    A restart starts the same container again, so what it wrote outside of its data folder is still there; a
    replacement is a new container. The death of the main process is the death of all, so killing the "parent" leaves
    no orphans here.
    """

    kind = "container"

    def __init__(
        self,
        engine: Engine,
        container: Container,
        readiness: Readiness,
        *,
        restart: Restart,
        tell: Tell,
        restart_delay_s: float = RESTART_DELAY_S,
    ) -> None:
        """
        Args:
            engine: who makes, starts and kills it.
            container: what to run. RETRIGGER_IDENTITY is added to its environment.
            readiness, restart, tell, restart_delay_s: see `SupervisedTarget`.
        """
        super().__init__(
            container.name,
            readiness,
            port=container.port,
            log=container.log,
            restart=restart,
            tell=tell,
            restart_delay_s=restart_delay_s,
        )
        self._engine = engine
        self._container = container
        self._id = ""
        self._made_for = ""
        """Identity that the container has been told."""
        self._watching: asyncio.Task[None] | None = None

    async def _spawn(self) -> Running:
        if self._made_for != self.identity:
            await self._sweep()  # the one that is replaced
            self._id = await self._engine.create(self._container, self.identity, {IDENTITY: self.identity})
            self._made_for = self.identity
        try:
            running = await self._engine.start(self._id, self._container, self._exited)
        except BaseException:
            self._id = self._made_for = ""
            raise
        if self._container.up is not None:
            self._watching = asyncio.create_task(_watch(self._container.up, running))
        return running

    async def _kill(self, running: Running, scope: Scope, child: int | None) -> Exit:
        if scope == "child":
            return await asyncio.to_thread(_kill_child, self._id, running, child)
        members = await self._stand_still(running)
        running.asked_to_end = True
        await self._signal(running, "SIGKILL")
        exit = await self._end_of(running, DEATH_LIMIT_S)
        return Exit(
            name=self.name, pid=exit.pid, status=exit.status, signal=exit.signal, killed=tuple(members) or (exit.pid,)
        )

    async def _terminate(self, running: Running, grace_s: float) -> Exit:
        running.asked_to_end = True
        await self._signal(running, "SIGTERM")
        try:
            return await self._end_of(running, grace_s)
        except FaultError:
            return await self._kill(running, "tree", None)

    async def _signal(self, running: Running, name: str) -> None:
        try:
            await self._engine.signal(self._id, name)
        except FaultError:
            running.asked_to_end = False
            if running.exited.done():  # by itself, a moment before
                self._exited(running.exited.result())
            raise

    async def _end_of(self, running: Running, limit_s: float) -> Exit:
        try:
            return await asyncio.wait_for(asyncio.shield(running.exited), limit_s)
        except TimeoutError:
            raise FaultError(f"container {self.name!r} did not end within {limit_s} s") from None

    async def _pause(self, running: Running) -> tuple[int, ...]:
        members = await self._stand_still(running)
        try:
            await self._engine.pause(self._id)
            if not await self._engine.is_paused(self._id):
                raise FaultError(f"container {self.name!r} could not be paused")
        finally:
            for pid in members:  # from here on it is the engine that holds them
                tree.send(pid, signal.SIGCONT)
        return tuple(members) or (running.pid,)

    async def _stand_still(self, running: Running) -> list[int]:
        """Stops all processes at once, where they are ours to stop, before the engine is asked for something.

        It takes tens of milliseconds to do what it is asked. A service that has just answered would finish in them
        what it was killed in the middle of, and the same plan would not mean the same as for a process.
        """
        for pid in _members(self._id, running):  # now, and not when a thread has been found to look whether they do
            tree.send(pid, signal.SIGSTOP)
        return await asyncio.to_thread(tree.freeze, lambda: _members(self._id, running))

    async def _resume(self, running: Running) -> None:
        await self._engine.unpause(self._id)
        if await self._engine.is_paused(self._id):
            raise UndoError(f"container {self.name!r} is still paused")

    async def _sweep(self) -> None:
        if self._watching is not None:
            self._watching.cancel()
        if self._id:
            await self._engine.remove(self._id)
        self._id = self._made_for = ""

    async def _write_log(self) -> None:
        await self._engine.write_log(self._id)


async def _watch(up: Path, running: Running) -> None:
    """Takes note of the file that says that a service is up. Nothing tells of it on every kind of engine."""
    while not up.exists() and not running.exited.done():  # noqa: ASYNC110, ASYNC240 - one stat, in memory
        await asyncio.sleep(LOOK_S)
    if not running.exited.done():
        running.up.set_result(None)


def _is_ours(id: str, pid: int) -> bool:
    """Whether a process of this machine belongs to a container, and we may signal it.

    In an engine's own machine pids mean other things, so it is not taken on trust.
    """
    try:
        os.kill(pid, 0)
        return id in Path(f"/proc/{pid}/cgroup").read_text()
    except OSError:
        return False


def _members(id: str, running: Running) -> list[int]:
    """Every process of a container, parents first; none where they cannot be seen from here."""
    return tree.descendants([running.pid]) if _is_ours(id, running.pid) else []


def _kill_child(id: str, running: Running, child: int | None) -> Exit:
    """Kills one descendant of the main process, the youngest by default. See `Keeper.kill`."""
    members = _members(id, running)
    candidates = members[2:]  # after the init that the engine put there, and the main process
    victim = max(candidates, key=tree.born, default=None) if child is None else child
    if victim is None or victim not in candidates:
        raise FaultError(f"container {running.name!r} has no child process" + (f" {child}" if child else ""))
    tree.freeze(lambda: [victim])
    if not tree.stopped(victim):  # what stands still dies of nothing but our signal
        raise FaultError(f"process {victim} of container {running.name!r} had ended, or is not ours to kill")
    tree.send(victim, signal.SIGKILL)
    if not tree.wait_until(lambda: not tree.alive(victim), DEATH_LIMIT_S):
        raise FaultError(f"process {victim} of container {running.name!r} did not die within {DEATH_LIMIT_S} s")
    survivors = [pid for pid in members[1:] if pid != victim and tree.alive(pid)]
    return Exit(name=running.name, pid=victim, signal=int(signal.SIGKILL), killed=(victim,), survivors=tuple(survivors))
