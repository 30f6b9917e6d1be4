"""Which effects a piece of work owes: those that go forward, or the compensations of those that took place.

A business process that cannot be completed, because an effect of it was refused for good, has to be undone instead:
each effect that took place and has a compensation is compensated once, and nothing else is owed. Whether something was
refused is the world's own word, never the service's. A process that has begun to undo itself for another reason, as
having waited for too long, owes the same from then on.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from harness.checks.expectation import ExpectedEffect

__all__ = ["is_undone", "owed"]


def is_undone(effects: Iterable[ExpectedEffect], done: Collection[str], *, refused: bool) -> bool:
    """Whether the work is to be undone: an effect was refused for good, or a compensation has taken place.

    Args:
        effects: all that are declared. done: names of the effects that took place. refused: one was refused for good.
    """
    return refused or any(effect.compensates and effect.name in done for effect in effects)


def owed(effects: Iterable[ExpectedEffect], done: Collection[str], *, undone: bool) -> list[ExpectedEffect]:
    """Those of the effects that have to be there in the end; `undone` as `is_undone` says."""
    if not undone:
        return [effect for effect in effects if not effect.compensates]
    return [effect for effect in effects if effect.name in done or effect.compensates in done]
