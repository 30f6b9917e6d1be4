"""FLAW: the child's id is random, so each execution of the parent has a child of its own (P6, P2; kill fx)."""

from __future__ import annotations

import secrets
from typing import Any

from reference_services.engine_teaching import worker
from reference_services.engine_teaching.fx import main
from reference_services.engine_teaching.worker import Run, register

__all__ = ["main"]


class FertileRun(Run):
    """Waits for its children in place."""

    def call(self, function: str, input: Any) -> Any:
        """A new child for every execution that comes by."""
        if self._has_entry:
            return self._served(function)
        child = f"{self.id}/{secrets.token_hex(4)}"
        while not (answer := register(child, function, input))["done"]:
            pass
        return self._record(function, answer["result"])


worker.Run = FertileRun
