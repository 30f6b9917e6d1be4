"""FLAW: the parent waits for its child for a time, and then starts another one (P6, P2; hold fy)."""

from __future__ import annotations

import time
from typing import Any

from reference_services.engine_teaching import worker
from reference_services.engine_teaching.fx import main
from reference_services.engine_teaching.worker import Run, register

__all__ = ["main"]

WAIT_S = 0.5


class ImpatientRun(Run):
    """Waits for its children in place, and not for long."""

    def call(self, function: str, input: Any) -> Any:
        """One child after the other, until one is done in time."""
        if self._has_entry:
            return self._served(function)
        number = 0
        while True:
            number += 1
            last_s = time.monotonic() + WAIT_S
            while time.monotonic() < last_s:
                answer = register(f"{self.id}/{self._position}/{number}", function, input)
                if answer["done"]:
                    return self._record(function, answer["result"])


worker.Run = ImpatientRun
