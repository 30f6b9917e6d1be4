"""Fy whose effects carry the key of its invocation. No flaw of its own: see M44 and M50, which make two."""

from __future__ import annotations

from reference_services.engine_teaching import fy as correct
from reference_services.engine_teaching.fy import main
from reference_services.engine_teaching.worker import Run
from twins.run_keys import apply_in

__all__ = ["main"]


def fy(run: Run) -> dict[str, str]:
    """Three steps."""
    order = run.input
    return {name: run.step(name, lambda name=name: apply_in(run, name, order)) for name in ("b1", "b2", "b3")}


correct.fy = fy
