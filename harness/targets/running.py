"""One life of a target, as those who wait for it see it: when it is up, and how it ended."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from harness.targets.messages import Exit

__all__ = ["Running"]


class Running:
    """One life of a process or container.

    name, pid: which process; of a container, the process that the engine started.
    announces: whether it is a Python service, which says when it is up.
    up: done when such a service says that it listens, or that its `main` is called now; else never done.
    exited: done when it has ended in any way, with the Exit.
    on_exit: called when it ends without the harness having asked for it.
    """

    def __init__(self, name: str, *, announces: bool, on_exit: Callable[[Exit], None] | None) -> None:
        loop = asyncio.get_running_loop()
        self.name = name
        self.pid = 0
        self.announces = announces
        self.up: asyncio.Future[None] = loop.create_future()
        self.exited: asyncio.Future[Exit] = loop.create_future()
        self.on_exit = on_exit
        self.asked_to_end = False

    def ended(self, exit: Exit) -> None:
        """Takes note of the end."""
        if not self.exited.done():
            self.exited.set_result(exit)
        if self.on_exit is not None and not self.asked_to_end:
            self.on_exit(exit)
