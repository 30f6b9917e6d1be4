"""Which effects a piece of work owes: those that go forward, or the compensations of those that took place.

A business process that cannot be completed, because an effect of it was refused for good, has to be undone instead:
each effect that took place and has a compensation is compensated once, and nothing else is owed. Whether something was
refused is the world's own word, never the service's.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from harness.checks.expectation import ExpectedEffect

__all__ = ["owed"]


def owed(effects: Iterable[ExpectedEffect], done: Collection[str], *, refused: bool) -> list[ExpectedEffect]:
    """The effects that have to be there in the end.

    Args:
        effects: those to choose from. done: names of the effects that took place. refused: one was refused for good.
    """
    if not refused:
        return [effect for effect in effects if not effect.compensates]
    return [effect for effect in effects if effect.name in done or effect.compensates in done]
