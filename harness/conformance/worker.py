"""One worker of a campaign: the synchronous side of a stage, one event loop for all its cases."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from harness.checks import Verdict, figures_of
from harness.conformance.campaign import Campaign
from harness.errors import CheckViolation, HarnessError
from harness.network import find_server
from harness.plans.model import Plan
from harness.plans.shrink import smaller
from harness.report.families import told
from harness.report.gather import findings_of
from harness.report.model import CaseReport
from harness.report.redaction import secrets_of
from harness.runner.case import PATIENT
from harness.runner.stage import Judged, Stage
from harness.runner.system import System

__all__ = ["CASE", "CONTRACT", "Ended", "Record", "Worker"]

CASE = "retrigger-case"
CONTRACT = "retrigger-contract"
CONFIRMATIONS = 2
LONG_S = 10.0
Record = Callable[[str, object], None]
_CASES = TypeAdapter(CaseReport)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a plan ended in this worker."""

    case: CaseReport

    def raise_for_outcome(self, *, skip: bool = True) -> None:
        """Turns the verdict into pytest's terms: a finding fails, what was not shown is skipped, our error raises."""
        case = self.case
        if case.outcome is Verdict.VIOLATED:
            raise CheckViolation(told(case))
        if not skip:
            return  # inside Hypothesis only a finding is something to shrink; the rest is reported all the same
        if case.outcome is Verdict.ERROR:
            raise HarnessError(case.error)
        if case.outcome is not Verdict.HOLDS:
            pytest.skip(f"{case.outcome}: {case.error or 'see the report'}")


class Worker:
    """Runs plans one after the other in a stage that is opened with the first of them."""

    def __init__(self, campaign: Campaign) -> None:
        self.campaign = campaign
        self.out = Path(campaign.out)
        self._systems = {system.name: system for system in campaign.systems()}
        self._secrets = secrets_of([system.manifest for system in self._systems.values()])
        self._loop = asyncio.Runner()
        self._stage: Stage | None = None
        self._ended: dict[str, Ended] = {}
        self._confirmed: set[tuple[str, str]] = set()
        self._kept: set[str] = set()
        self._begun_s = time.monotonic()

    def system(self, name: str) -> System:
        """The system of this name."""
        return self._systems[name]

    def path(self, name: str) -> str:
        """Where its manifest is."""
        return str(self._systems[name].manifest.path.resolve())

    @property
    def out_of_time(self) -> bool:
        """The budget of the campaign is spent."""
        budget_s = self.campaign.budget_s
        return budget_s is not None and time.monotonic() - self._begun_s > budget_s

    def broken_contract(self, name: str) -> str:
        """Opens a system: starts it, runs it once without faults, looks at every link.

        Returns:
            What it does not do although its manifest says so; empty where all is well.
        """
        try:
            self._loop.run(self._try(name))
        except HarnessError as error:
            return self.hide(str(error))
        return ""

    async def _try(self, name: str) -> None:
        await (await self._open()).universe(name)

    def run(self, plan: Plan, record: Record) -> Ended:
        """Runs a plan, or remembers how it ended; reports it once through `record`."""
        if plan.id not in self._ended:
            try:
                ended = self._ended[plan.id] = Ended(case=self._loop.run(self._run(plan)))
            except HarnessError as error:
                record(CONTRACT, self._told({"system": plan.system, "text": str(error), "code": error.exit_code}))
                raise
            document = _CASES.dump_python(ended.case, mode="json")
            record(CASE, self._told({"system": plan.system, "plan": plan.to_json(), "case": document}))
        return self._ended[plan.id]

    def hide(self, text: str) -> str:
        """The text without the secrets of these systems."""
        return self._secrets.hide(text)

    def _told(self, document: dict[str, object]) -> str:
        """As JSON, without secrets: it goes into reports."""
        return self._secrets.hide(json.dumps(document))

    async def _run(self, plan: Plan) -> CaseReport:
        stage = await self._open()
        judged, patience = await stage.run(plan), 1.0
        if judged.outcome is Verdict.INCONCLUSIVE or judged.by_time_alone:
            patience = PATIENT  # too slow once: asked again with twice the time
            judged = await stage.run(plan, patience)
        if judged.outcome is not Verdict.VIOLATED or not self._is_news(plan, judged):
            return self._case(plan, plan, judged)
        smallest, judged = await self._shrink(stage, plan, judged, patience)
        times = CONFIRMATIONS if judged.run.seconds["case"] < LONG_S else 1  # what takes long is run again only once
        again = [(await stage.run(smallest, patience)).outcome for _ in range(times)]
        return self._case(plan, smallest, judged, 1 + again.count(Verdict.VIOLATED), 1 + times)

    async def _open(self) -> Stage:
        if self._stage is None:
            self._stage = await Stage(find_server(), self._systems.values()).__aenter__()
        return self._stage

    def _is_news(self, plan: Plan, judged: Judged) -> bool:
        """Whether it breaks something in a way that this worker has not seen: only that is shrunk and run again."""
        kinds = {(plan.system, violation.code) for violation in judged.verdict.violations}
        news = not kinds <= self._confirmed
        self._confirmed |= kinds
        return news

    async def _shrink(self, stage: Stage, plan: Plan, judged: Judged, patience: float) -> tuple[Plan, Judged]:
        """The smallest plan that still breaks the same, and how it ended when it did."""
        for candidate in smaller(plan):
            if ended := await self._fails_again(stage, candidate, _codes(judged), patience):
                return await self._shrink(stage, candidate, ended, patience)
        return plan, judged

    async def _fails_again(self, stage: Stage, plan: Plan, codes: set[str], patience: float) -> Judged | None:
        """A failure of the same kind in two runs of at most three; None where it does not fail like that."""
        failed: list[Judged] = []
        for left in (2, 1, 0):
            ended = await stage.run(plan, patience)
            if _codes(ended) & codes:
                failed.append(ended)
            if len(failed) == 2:
                return failed[0]
            if len(failed) + left < 2 or not failed:  # the first run has to fail: most smaller plans simply hold
                return None
        return None

    def _case(self, plan: Plan, smallest: Plan, judged: Judged, reproduced: int = 0, of: int = 0) -> CaseReport:
        for each in {plan.id: plan, smallest.id: smallest}.values():
            self._write(f"plans/{each.id}.json", json.dumps(each.to_json(), indent=1) + "\n")
        manifest = self._systems[plan.system].manifest.path
        violated = judged.outcome is Verdict.VIOLATED
        findings = findings_of(judged.run.history, judged.verdict, manifest) if violated else ()
        return CaseReport(
            plan=plan.id,
            faults=tuple(str(fault) for fault in plan.faults),
            family=plan.family,
            outcome=judged.outcome,
            properties=_properties(judged),
            seconds=judged.run.seconds["case"],
            phase_s={name: round(s, 5) for name, s in judged.run.seconds.items() if name != "case"},
            findings=findings,
            landed=judged.landed,
            history_path=self._keep_history(smallest, judged),
            reproduced=reproduced,
            of=of,
            shrunk_to=smallest.id if smallest.id != plan.id else "",
            shrunk_faults=tuple(str(fault) for fault in smallest.faults) if smallest.id != plan.id else (),
            figures=figures_of(judged.run.history),
            error=judged.error or ("" if judged.outcome is Verdict.HOLDS else judged.verdict.why),
            notes=judged.verdict.notes,
        )

    def _keep_history(self, plan: Plan, judged: Judged) -> str:
        """Histories are kept of all that does not simply hold, and of the first case with faults that does."""
        if judged.outcome is Verdict.HOLDS and (plan.system in self._kept or not plan.faults):
            return ""
        self._kept.add(plan.system) if judged.outcome is Verdict.HOLDS else None
        return self._write(f"histories/{plan.id}.jsonl", judged.run.history.to_jsonl())

    def _write(self, name: str, text: str) -> str:
        path = self.out / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self._secrets.hide(text), encoding="utf-8")
        return str(path)

    def close(self) -> None:
        """Ends the stage and everything that it started."""
        try:
            if self._stage is not None:
                self._loop.run(self._stage.__aexit__(None, None, None))
        finally:
            self._loop.close()


def _codes(judged: Judged) -> set[str]:
    """What it broke; nothing where its faults did not land."""
    return {violation.code for violation in judged.verdict.violations} if judged.outcome is Verdict.VIOLATED else set()


def _properties(judged: Judged) -> dict[str, Verdict]:
    """The verdict on each property. Where the plan's faults did not land, nothing was put to the test."""
    silent = judged.outcome in (Verdict.NOT_EXERCISED, Verdict.ERROR)
    verdicts = judged.verdict.verdicts.items()
    return {name: Verdict.NOT_EXERCISED if silent else verdict.verdict for name, verdict in verdicts}
