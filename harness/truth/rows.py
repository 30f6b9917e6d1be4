"""One row, run as often as asked for, each run compared with what the table and the model say."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from harness.checks import judge
from harness.errors import HarnessError
from harness.plans.model import Plan
from harness.runner.case import CaseRun, run_case
from harness.runner.stage import Judged, Stage
from harness.runner.system import System
from harness.truth.outcome import Outcome, Seen, differs_from_model, expected, observed, seen
from harness.truth.table import Row
from harness.truth.variants import plan_of_row

__all__ = ["RowResult", "RowRunner"]

DOOR_S = 5.0
"""How long a request waits at the door of a process that is just being started again.

A table counts who is driven again, not how often whoever drives them finds a closed door on the way.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowResult:
    """What became of a row.

    predicted: the table's words. observed: what the runs have shown, with how often, where they differ.
    model: what the model says instead; empty where it agrees. runs: how many. equal: all runs are as predicted, every
    fault landed in each, and the model agrees. seconds: of all runs together. plan: the faults in words.
    """

    figure: str
    pattern: str
    variant: str
    fault: str
    plan: tuple[str, ...]
    predicted: str
    observed: str
    model: str
    runs: int
    as_predicted: int
    equal: bool
    seconds: float
    note: str = ""


class RowRunner:
    """Runs rows in a stage; knows what each system does without faults."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self._fault_free: dict[str, Seen] = {}

    async def run(self, figure: str, pattern: str, system: System, row: Row, runs: int) -> RowResult:
        """Runs one row. What goes wrong in the harness, or in a system without any fault, stands in the result."""
        began_s = time.monotonic()
        wanted = expected(row, system)
        model = differs_from_model(row, system.derived)
        told: Counter[str] = Counter()
        right = 0
        async with self._beginning_anew(system):
            for _ in range(runs):
                outcome, trouble = await self._tried(system, row)
                right += outcome is not None and wanted.allows(outcome)
                told[trouble or str(outcome)] += 1
        return RowResult(
            figure=figure,
            pattern=pattern,
            variant=row.variant,
            fault=row.fault,
            plan=tuple(map(str, row.plan)),
            predicted=str(wanted),
            observed=_told(told, runs),
            model=model,
            runs=runs,
            as_predicted=right,
            equal=right == runs and not model,
            seconds=time.monotonic() - began_s,
            note=row.note,
        )

    @asynccontextmanager
    async def _beginning_anew(self, system: System) -> AsyncIterator[None]:
        """The runs of a row follow each other in one running system; the next row begins with a new one."""
        try:
            yield
        finally:
            if self.stage.is_open(system.name):
                universe, _ = await self.stage.universe(system.name)
                await universe.end()

    async def _tried(self, system: System, row: Row) -> tuple[Outcome | None, str]:
        """One run: what it has shown, or why nothing."""
        try:
            return await self._once(system, row)
        except HarnessError as error:
            return None, f"cannot be run: {str(error).splitlines()[0]}"

    async def _once(self, system: System, row: Row) -> tuple[Outcome | None, str]:
        fault_free = await self._without_faults(system)
        run = await self._case(system, plan_of_row(row, system))
        judged = Judged(run=run, verdict=judge(run.history))
        if judged.error:
            return None, f"the harness failed: {judged.error.splitlines()[0]}"
        missed = sorted({str(fault) for fault in row.plan} - set(judged.landed))
        if missed:
            return None, f"did not land: {', '.join(missed)}"
        return observed(row, system, seen(system, run.history), fault_free, judged.verdict), ""

    async def _without_faults(self, system: System) -> Seen:
        if system.name not in self._fault_free:
            run = await self._case(system, Plan(system=system.name, works=1))
            self._fault_free[system.name] = seen(system, run.history)
        return self._fault_free[system.name]

    async def _case(self, system: System, plan: Plan) -> CaseRun:
        """A case in the processes of the last one, if they still run; they are left to the next."""
        universe, calibration = await self.stage.universe(system.name)
        universe.door_s = DOOR_S
        return await run_case(universe, plan, calibration, replay=False, ask=False, rest=True, go_on=True)


def _told(told: Counter[str], runs: int) -> str:
    """What was seen; where the runs differ, each with how often."""
    if len(told) == 1:
        return next(iter(told))
    return " | ".join(f"{text} ({count} of {runs})" for text, count in told.most_common())
