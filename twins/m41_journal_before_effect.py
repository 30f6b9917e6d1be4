"""FLAW: a step is journaled before its effect (P1b; kill fx @recv): dead in between, it counts as done."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from reference_services.engine_teaching import worker
from reference_services.engine_teaching.fx import main
from reference_services.engine_teaching.worker import Run

__all__ = ["main"]


class HastyRun(Run):
    """Writes down what it is about to do."""

    def step(self, name: str, act: Callable[[], Any]) -> Any:
        """Journals, then acts."""
        if self._has_entry:
            return self._served(name)
        self._record(name, "done")
        return act()


worker.Run = HastyRun
