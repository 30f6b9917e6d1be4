"""FLAW: results of steps are written to the journal together, when the function ends or waits (P7; kill fy @recv b3).

Killed in its last step, it runs all steps again that were done.
"""

from __future__ import annotations

from typing import Any

from reference_services.engine_teaching import worker
from reference_services.engine_teaching.fy import main
from reference_services.engine_teaching.worker import Run

__all__ = ["main"]


class LazyRun(Run):
    """Keeps its journal to itself for as long as it can."""

    def __init__(self, claim: Any) -> None:
        super().__init__(claim)
        self._kept: list[dict[str, Any]] = []

    def _record(self, name: str, result: Any) -> Any:
        self._kept.append({"position": self._position, "name": name, "result": result})
        self._journal.append((name, result))
        self._position += 1
        return result

    def _tell(self, what: str, **said: Any) -> None:
        for entry in self._kept:
            super()._tell("journal", **entry)
        self._kept = []
        super()._tell(what, **said)


worker.Run = LazyRun
