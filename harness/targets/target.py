"""The seam between faults and whatever carries them out: a process or a container."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from harness.targets.keeper import Scope
from harness.targets.messages import Exit

__all__ = ["Target", "Tell"]

Tell = Callable[[str, dict[str, Any]], None]
"""Receives every change of a target: its name, and the data of a history event of kind `process`."""


class Target(Protocol):
    """Something that can be started, hurt and started again. It keeps name, port and data over its lives.

    name: as in the manifest.
    pid: process id of the present life, None while it is dead.
    identity: who it says it is; the same after a restart, another one after a replacement.
    """

    @property
    def name(self) -> str: ...

    @property
    def pid(self) -> int | None: ...

    @property
    def identity(self) -> str: ...

    async def start(self) -> None:
        """The first start; returns when it is ready. Raises ContractError where it does not become ready."""

    async def kill(self, scope: Scope = "tree", child: int | None = None) -> Exit:
        """SIGKILL. Returns the proof. Raises FaultError where there was nothing to kill."""

    async def dies(self) -> Exit:
        """Waits for an end by SIGKILL that somebody has arranged; until then nobody else starts it again.

        Raises FaultError where it ended in another way; that is its supervisor's affair, as ever.
        """

    async def terminate(self, grace_s: float) -> Exit:
        """SIGTERM, and SIGKILL after `grace_s` seconds. Returns how it ended."""

    async def pause(self) -> tuple[int, ...]:
        """Lets all of it stand still. Returns the processes that do."""

    async def resume(self) -> None:
        """Undoes `pause`."""

    async def restart(self) -> None:
        """Starts it again with the same identity, and returns when it is ready. What is left alive is killed first."""

    async def replace(self) -> None:
        """As `restart`, but as a new identity, as when a scheduler moves it to another place."""

    async def stop(self) -> None:
        """Ends it and all that it has left behind, and lets nobody start it again. No error where it is dead."""
