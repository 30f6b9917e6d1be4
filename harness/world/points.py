"""Rendezvous: where a plan waits for the system.

Every hop (client, tap, world) announces what it is about to do by `reach`. Where no fault is armed for that point this
costs a dictionary look-up; where one is, the caller of `reach` waits until the fault has been applied, and then learns
whether it may go on. Nothing here knows what a fault does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import Enum, auto

from harness.plans.model import Point

__all__ = ["Arrival", "Directive", "Points"]


class Directive(Enum):
    """What the hop does after the rendezvous."""

    GO_ON = auto()
    """Continue as if nothing had been."""
    DROP = auto()
    """Forget the request and close its connection without an answer: it was never delivered, or never applied."""
    TWICE = auto()
    """Deliver the same request two times at once."""
    LATE = auto()
    """Go on although the caller was killed meanwhile."""
    REFUSE = auto()
    """Refuse the effect, now and whenever it is asked for again: it did not and will not happen."""


@dataclass(slots=True, kw_only=True)
class Arrival:
    """The request that waits at a point.

    link: the arrow `user->target` it travels on; empty where it waits at no hop. gone: set when the other end has
    closed the connection. keep_open: the hop must leave closing to the other end, since a fault is about to take the
    answer away and our own close would tell the caller more than silence. invokes: it may invoke a declared node.
    """

    link: str = ""
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    keep_open: bool = False
    invokes: bool = True


Action = Callable[[Arrival], Awaitable[Directive]]
"""What strikes at a point."""


class Points:
    """The points that are armed in one case."""

    def __init__(self) -> None:
        self._armed: dict[Point, list[Action]] = {}

    def arm(self, point: Point, action: Action) -> None:
        """Calls `action` when the point is reached, once. Several actions on one point run in the order of arming."""
        self._armed.setdefault(point, []).append(action)

    def disarm(self) -> None:
        """Forgets every action that has not struck."""
        self._armed.clear()

    @property
    def armed(self) -> list[Point]:
        """The points that were not reached so far."""
        return list(self._armed)

    async def reach(
        self, name: str, where: str = "", work: str = "", n: int = 1, arrival: Arrival | None = None
    ) -> Directive:
        """Announces the arrival at a point; returns when every fault that strikes there has struck."""
        if not self._armed:
            return Directive.GO_ON
        directive = Directive.GO_ON
        for action in self._armed.pop(Point(name=name, where=where, work=work, n=n), ()):
            outcome = await action(arrival or Arrival())
            directive = outcome if outcome is not Directive.GO_ON else directive
        return directive
