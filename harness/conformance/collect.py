"""From single results to a report: what each case said, counted and put beside what was planned."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from pydantic import TypeAdapter

from harness.boundaries.lints import lint
from harness.checks import Verdict
from harness.conformance.campaign import NOT_TESTED, Campaign, Chunk
from harness.plans.model import parse_fault
from harness.report.gather import boundaries_of, edges_of, lints_of, nodes_of
from harness.report.model import CaseReport, NotExercised, SystemReport, gravest
from harness.runner.system import System

__all__ = ["Collected", "case_from_json"]

_CASES = TypeAdapter(CaseReport)


def case_from_json(record: dict[str, object]) -> CaseReport:
    """The case that a worker sent."""
    return _CASES.validate_python(record)


@dataclass(slots=True, kw_only=True)
class Collected:
    """The results of one system, as they come in. system: what they are of. planned: its chunks."""

    system: System
    planned: list[Chunk]
    cases: list[CaseReport] = field(default_factory=list)
    begun_s: float = math.inf
    ended_s: float = 0.0
    errors: list[str] = field(default_factory=list)
    """What kept cases from being run: a broken contract, a worker that died."""

    def take(self, case: CaseReport, now_s: float) -> None:
        """One more case, told at this moment of the monotonic clock."""
        self.cases.append(case)
        self.begun_s = min(self.begun_s, now_s - case.seconds)
        self.ended_s = now_s

    @property
    def plans(self) -> int:
        """How many plans are to be run; random ones count as many as are drawn at most."""
        return sum(chunk.examples or 1 for chunk in self.planned)

    def report(self, campaign: Campaign, seconds: float) -> SystemReport:
        """Everything that was learnt about this system."""
        manifest, derived = self.system.manifest, self.system.derived
        return SystemReport(
            name=self.system.name,
            path=str(manifest.path),
            verdict=self._verdict(),
            expect=Verdict.VIOLATED if manifest.expect == "violated" else Verdict.HOLDS,
            about=manifest.about,
            nodes=nodes_of(derived),
            edges=edges_of(derived),
            boundaries=boundaries_of(derived),
            unowned=derived.unowned,
            lints=lints_of(lint(derived)),
            plans=self.plans,
            cases=tuple(self.cases),
            faults_landed=self._landed(),
            not_exercised=tuple(self._not_exercised()),
            not_tested=tuple(self._not_tested(campaign)),
            seconds=seconds,
            running_s=max(0.0, self.ended_s - self.begun_s) if self.cases else 0.0,
        )

    def _verdict(self) -> Verdict:
        """Plans that did not land are named, and take nothing from those that held."""
        outcomes = {case.outcome for case in self.cases} | ({Verdict.ERROR} if self.errors else set())
        with_faults = {case.outcome for case in self.cases if case.faults}
        if Verdict.HOLDS in with_faults or (Verdict.HOLDS in outcomes and not self._any_faults_planned()):
            outcomes.discard(Verdict.NOT_EXERCISED)
        elif outcomes <= {Verdict.HOLDS, Verdict.NOT_EXERCISED}:
            return Verdict.NOT_EXERCISED
        return gravest(outcomes)

    def _any_faults_planned(self) -> bool:
        return any(chunk.plan is None or chunk.plan.faults for chunk in self.planned)

    def _landed(self) -> dict[str, int]:
        """How often each family of faults hit; zero for a family that was planned and never did."""
        planned = [fault.family for chunk in self.planned if chunk.plan for fault in chunk.plan.faults]
        landed = [parse_fault(words).family for case in self.cases for words in case.landed]
        return {family: landed.count(family) for family in dict.fromkeys([*planned, *landed])}

    def _not_exercised(self) -> list[NotExercised]:
        return [
            NotExercised(plan=case.plan, faults=case.faults, why=case.error)
            for case in self.cases
            if case.outcome is Verdict.NOT_EXERCISED
        ]

    def _not_tested(self, campaign: Campaign) -> list[str]:
        """What no plan of this campaign covers."""
        run = {case.plan for case in self.cases}
        left = [chunk for chunk in self.planned if chunk.plan and chunk.plan.id not in run]
        skipped = [f"{len(left)} planned cases that were not run"] if left else []
        unread = sorted(self.system.triggered_edges - {pending.edge for pending in self.system.manifest.pending})
        blind = [f"pending work of {edge} (no reader declared)" for edge in unread]
        pairs = [] if campaign.explore == "random" else ["several faults at once (try --explore random)"]
        return [*skipped, *blind, *pairs, *NOT_TESTED]
