"""FLAW: after two attempts a function is given up, and nobody is told (P13, P1b; an outage that outlasts them)."""

from __future__ import annotations

from reference_services.engine_teaching import worker
from reference_services.engine_teaching.fx import main
from reference_services.engine_teaching.worker import Function, Run
from reference_services.settings import report

__all__ = ["main"]

ATTEMPTS = 2


class ImpatientRun(Run):
    """Gives up."""

    def execute(self, function: Function) -> None:
        """Runs the function as far as it comes; an error too many is its outcome."""
        try:
            super().execute(function)
        except Exception as error:
            report(error)

    def _tell(self, what: str, **said: object) -> None:
        if what == "suspension" and not said.get("child") and self.epoch > ATTEMPTS:
            super()._tell("outcome", result={})
        else:
            super()._tell(what, **said)


worker.Run = ImpatientRun
