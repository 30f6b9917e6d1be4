"""From single results to a report: what each case said, counted and put beside what was planned."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from pydantic import TypeAdapter

from harness import __version__
from harness.boundaries.lints import lint
from harness.boundaries.workflows import workflows_of
from harness.checks import Verdict
from harness.conformance.baseline import Entry, known_failures
from harness.conformance.campaign import NOT_TESTED, TRACED, Campaign, Chunk
from harness.conformance.coverage import coverage
from harness.conformance.levels import level_of, placement_of
from harness.network import Server
from harness.plans.model import parse_fault
from harness.plans.sweep import undivided
from harness.report.gather import boundaries_of, edges_of, lints_of, nodes_of
from harness.report.model import (
    CaseReport,
    NotExercised,
    RunReport,
    SystemReport,
    Toxiproxy,
    not_run_in_words,
    verdict_of_cases,
)
from harness.runner.system import System
from harness.targets.trace import can_trace

__all__ = ["Collected", "case_from_json", "run_head"]

_CASES = TypeAdapter(CaseReport)


def case_from_json(record: dict[str, object]) -> CaseReport:
    """The case that a worker sent."""
    return _CASES.validate_python(record)


def run_head(campaign: Campaign, server: Server, *, workers: int, command: str) -> RunReport:
    """A report of this campaign that has no systems yet."""
    return RunReport(
        tool_version=__version__,
        toxiproxy=Toxiproxy(version=server.version, origin=server.origin, real=server.real),
        systems=(),
        command=command,
        explore=campaign.explore,
        shard=campaign.shard_in_words,
        budget_s=campaign.budget_s,
        seed=campaign.seed,
        workers=workers,
    )


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
    baseline: tuple[Entry, ...] = ()
    """Known failures, of any system."""

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
        reached = level_of(manifest)
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
            gaps=coverage(campaign, self.system, self.planned, self.cases),
            not_exercised=tuple(self._not_exercised()),
            not_tested=tuple(self._not_tested(campaign)),
            not_run=self._not_run(),
            core=tuple(plan.id for plan in campaign.core(self.system)),
            level=reached.level,
            claimed=reached.claimed,
            not_claimed=reached.not_claimed,
            placement=placement_of(manifest),
            workflows=workflows_of(derived),
            terms=campaign.terms(self.system),
            baseline=known_failures(self.baseline, self.system, campaign.works),
            seconds=seconds,
            running_s=max(0.0, self.ended_s - self.begun_s) if self.cases else 0.0,
        )

    def _verdict(self) -> Verdict:
        outcomes = [(case.outcome, bool(case.faults)) for case in self.cases]
        if self.errors:
            return Verdict.ERROR
        planned = any(chunk.plan is None or chunk.plan.faults for chunk in self.planned)
        return verdict_of_cases(outcomes, faults_planned=planned)

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

    def _not_run(self) -> int:
        run = {case.plan for case in self.cases}
        return sum(chunk.plan is not None and chunk.plan.id not in run for chunk in self.planned)

    def _not_tested(self, campaign: Campaign) -> list[str]:
        """What no plan of this campaign covers."""
        skipped = not_run_in_words(self._not_run())
        unread = sorted(self.system.triggered_edges - {pending.edge for pending in self.system.manifest.pending})
        blind = [f"pending work of {edge} (no reader declared)" for edge in unread]
        explored = set(campaign.explore.split(","))
        alone = not {"random", "compound", "pairs"} & explored
        pairs = ["several faults at once (try --explore compound)"] if alone else []
        spared = [
            f"kills of {process.name} (it runs already)" for process in self.system.manifest.process if process.url
        ]
        inside = [] if explored & TRACED.keys() else self._inside()
        lacking = "compound" in explored and not can_trace()
        between = ["kills between two commits (strace cannot be used here)"] if lacking else []
        return [*skipped, *blind, *spared, *inside, *between, *pairs, *NOT_TESTED]

    def _inside(self) -> list[str]:
        nodes = undivided(self.system.manifest)
        return [f"a kill between two writes of {', '.join(nodes)} (try --explore writes, with strace)"] if nodes else []
