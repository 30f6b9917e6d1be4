"""Process `fx`: executes Fx = A, B, C, where B is a call of Fy in another process.

Source: the post, fig. 8
"""

from __future__ import annotations

from reference_services.effects import apply
from reference_services.engine_teaching.worker import Run, work

__all__ = ["main"]


def fx(run: Run) -> dict[str, str]:
    """A, then Fy, then C, which uses the results of both."""
    order = run.input
    a = run.step("A", lambda: apply("a", order, epoch=run.epoch))
    b = run.call("Fy", order)
    c = run.step("C", lambda: apply("c", order, epoch=run.epoch, a=a, fy=b))
    return {"a": a, **b, "c": c}


def main() -> None:
    """Works until the process is ended."""
    work({"Fx": fx})
