"""FLAW: A is done in the body of the function, outside of any step (P7; kill fx @recv c): each execution does it."""

from __future__ import annotations

from reference_services.effects import apply
from reference_services.engine_teaching import fx as correct
from reference_services.engine_teaching.fx import main
from reference_services.engine_teaching.worker import Run

__all__ = ["main"]


def fx(run: Run) -> dict[str, str]:
    """A, then Fy, then C."""
    order = run.input
    a = apply("a", order)
    b = run.call("Fy", order)
    c = run.step("C", lambda: apply("c", order, a=a, fy=b))
    return {"a": a, **b, "c": c}


correct.fx = fx
