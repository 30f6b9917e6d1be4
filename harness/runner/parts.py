"""What faults act on, as the injector sees it: the seam between a plan and a universe."""

from __future__ import annotations

from typing import Protocol

from harness.network import Link
from harness.targets import Target

__all__ = ["Parts"]


class Parts(Protocol):
    """The processes, resources and links of one universe."""

    def target(self, name: str) -> Target:
        """The process or resource of this name."""
        ...

    def copies_of(self, name: str) -> frozenset[str]:
        """Its copies, without the first, which bears the name itself."""
        ...

    def link(self, name: str) -> Link:
        """The link `user->target`."""
        ...

    async def start_again(self, name: str, *, replace: bool = False) -> None:
        """Starts the process again and waits until it is ready."""
        ...

    async def announce_ready(self, name: str) -> None:
        """Tells the armed points that the process has become ready once more."""
        ...
