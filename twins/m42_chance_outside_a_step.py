"""FLAW: the order of two steps follows from the clock, read outside of any step (P3, P8; kill fx after the branch).

A re-execution takes the other branch and does not fit its journal; it never will.
"""

from __future__ import annotations

import time

from reference_services.effects import apply
from reference_services.engine_teaching import fx as correct
from reference_services.engine_teaching.fx import main
from reference_services.engine_teaching.worker import Run

__all__ = ["main"]

STARTED_S = time.monotonic()
"""When this process was started: below, an odd or an even one."""


def fx(run: Run) -> dict[str, str]:
    """A, then Fy, then C; the name of A's step says which rate was in force, as the clock tells."""
    order = run.input
    rate = int(STARTED_S * 1000) % 1000
    a = run.step(f"{rate}: A", lambda: apply("a", order))
    b = run.call("Fy", order)
    c = run.step("C", lambda: apply("c", order, a=a, fy=b))
    return {"a": a, **b, "c": c}


correct.fx = fx
