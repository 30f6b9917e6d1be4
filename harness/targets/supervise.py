"""What stands around a process in production: a supervisor that starts it again when it ends by itself, or nobody."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Literal

__all__ = ["RESTART_DELAY_S", "Restart", "Supervisor"]

Restart = Literal["always", "never"]
RESTART_DELAY_S = 0.1


class Supervisor:
    """Starts a process again some time after each end that nobody asked for.

    It is told of ends by `ended`, so it works for whatever can end: processes now, containers alike.
    """

    def __init__(
        self, restart: Restart, start_again: Callable[[], Awaitable[None]], delay_s: float = RESTART_DELAY_S
    ) -> None:
        """
        Args:
            restart: "always" or "never".
            start_again: starts the process and returns when it is ready; what it raises is its own affair to report.
            delay_s: seconds between the end and the new start.
        """
        self._restart = restart
        self._start_again = start_again
        self._delay_s = delay_s
        self._restarting: asyncio.Task[None] | None = None

    def ended(self) -> None:
        """The process has ended by itself. A start that was under way is given up for a new one."""
        self.stand_down()
        if self._restart == "always":
            self._restarting = asyncio.create_task(self._again())

    def stand_down(self) -> None:
        """Gives up a pending start: somebody has taken the matter in hand. The next end is supervised again."""
        if self._restarting is not None and self._restarting is not asyncio.current_task():
            self._restarting.cancel()
        self._restarting = None

    async def _again(self) -> None:
        await asyncio.sleep(self._delay_s)
        await self._start_again()
