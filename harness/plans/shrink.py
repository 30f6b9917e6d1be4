"""Smaller plans: what a failing plan is reduced to, one step at a time, for as long as it still fails.

Fewer faults come first, since each fault that is gone is one thing less to understand; then fewer pieces of work, then
the first arrival instead of a later one. Nothing here runs a plan: whoever does asks for the next step from the plan
that failed last.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from harness.plans.model import Fault, Plan

__all__ = ["smaller"]

ORDINARY_WORKS = 2
"""A case has two pieces of work: the one that is hurt, and one that shows whether the others go on."""


def smaller(plan: Plan) -> Iterator[Plan]:
    """The plans that are one step smaller, the most promising first. A plan of one fault keeps it."""
    if len(plan.faults) > 1:
        for i in range(len(plan.faults)):
            yield replace(plan, faults=plan.faults[:i] + plan.faults[i + 1 :])
    if plan.works > ORDINARY_WORKS and _needed(plan) < plan.works:
        yield replace(plan, works=max(ORDINARY_WORKS, _needed(plan)))
    for i, fault in enumerate(plan.faults):
        if fault.point.n > 1:
            first = replace(fault, point=replace(fault.point, n=fault.point.n - 1))
            if not any(_same_strike(first, other) for other in plan.faults):
                yield replace(plan, faults=(*plan.faults[:i], first, *plan.faults[i + 1 :]))


def _needed(plan: Plan) -> int:
    """The highest number of a piece of work that a fault is about."""
    return max((int(fault.point.work.removeprefix("w")) for fault in plan.faults if fault.point.work), default=1)


def _same_strike(one: Fault, other: Fault) -> bool:
    return (one.point, one.target) == (other.point, other.target)
