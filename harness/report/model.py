"""What a run hands to its reports: plain data, and the few sums that every report needs.

Nothing here knows how a case was run. A `RunReport` is frozen, made of strings, numbers and tuples, and goes to JSON
and back without loss, so that workers can send theirs to whoever merges them and a page can be made again from a file.
Histories stay outside: a case carries the path of its JSON lines, or their text where there is no file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import TypeAdapter

from harness.boundaries.workflows import Shared
from harness.checks.figures import Figures
from harness.checks.verdict import Verdict
from harness.history import Event, History, read_jsonl

__all__ = [
    "Boundary",
    "CaseReport",
    "Finding",
    "GapReport",
    "GraphEdge",
    "GraphNode",
    "KnownFailure",
    "NotExercised",
    "RunReport",
    "SystemReport",
    "Toxiproxy",
    "Verdict",
    "WitnessStep",
    "exit_code",
    "gravest",
    "not_run_in_words",
    "verdict_of_cases",
]


GRAVITY = (Verdict.ERROR, Verdict.VIOLATED, Verdict.INCONCLUSIVE, Verdict.NOT_EXERCISED, Verdict.HOLDS)
"""Gravest first: where the harness failed, nothing is known, not even that something was violated."""


def exit_code(verdict: Verdict) -> int:
    """What the command line ends with: 0 holds, 1 violated, 3 undecided or not exercised, 4 the harness failed."""
    return {Verdict.HOLDS: 0, Verdict.VIOLATED: 1, Verdict.ERROR: 4}.get(verdict, 3)


def gravest(verdicts: Iterable[Verdict]) -> Verdict:
    """The gravest of these; NOT EXERCISED where there is none, because nothing run shows nothing."""
    return min(verdicts, key=GRAVITY.index, default=Verdict.NOT_EXERCISED)


def not_run_in_words(cases: int) -> list[str]:
    """How `not_tested` says that planned cases were not run; nothing where all were."""
    return [f"{cases} planned cases that were not run"] if cases else []


def verdict_of_cases(outcomes: Iterable[tuple[Verdict, bool]], *, faults_planned: bool) -> Verdict:
    """The verdict on a system. Plans that did not land are named, and take nothing from those that held.

    Args:
        outcomes: of each case, and whether its plan has faults. faults_planned: whether any planned case has.
    """
    pairs = list(outcomes)
    said = {outcome for outcome, _ in pairs}
    if (Verdict.HOLDS, True) in pairs or (Verdict.HOLDS in said and not faults_planned):
        said.discard(Verdict.NOT_EXERCISED)
    elif said <= {Verdict.HOLDS, Verdict.NOT_EXERCISED}:
        return Verdict.NOT_EXERCISED
    return gravest(said)


@dataclass(frozen=True, slots=True, kw_only=True)
class Toxiproxy:
    """The proxy that the faults went through.

    version: as the server or its module says.
    origin: where it was found (PATH, cache, download, go install, built in).
    real: False where the built-in stand-in took its place; every report then says so.
    """

    version: str
    origin: str
    real: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphNode:
    """A node to draw: its name, the process that runs it, the names of its effects in order.

    A node that two paths reach is drawn once for each, as `D@A/B`.
    """

    name: str
    process: str = ""
    effects: tuple[str, ...] = ()

    @property
    def declared(self) -> str:
        """Its name in the manifest, and in the history."""
        return self.name.partition("@")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphEdge:
    """An arrow of the graph. trigger: what is set along it in words (`callee inbox`), empty for none."""

    source: str
    target: str
    awaits: bool
    trigger: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Boundary:
    """A derived boundary, with the fields and names that `retrigger boundaries --json` prints.

    trigger: what owns it, in words. target: the node it re-drives. nodes: what is executed again.
    layer: what it guarantees to complete. frontier: edges that leave it. nested_in: the trigger around it, or None.
    """

    trigger: str
    target: str
    nodes: tuple[str, ...]
    layer: tuple[str, ...] = ()
    frontier: tuple[str, ...] = ()
    nested_in: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WitnessStep:
    """A line of a witness. events: the places in the history (from 0) that it speaks of, empty for a conclusion."""

    text: str
    events: tuple[int, ...] = ()

    @property
    def squeezed(self) -> str:
        """The text without the spaces that set it in columns; a comma stands where a column ended."""
        return re.sub(r"\s{2,}", ", ", re.sub(r"\s+(?=->|<-)", " ", self.text.strip()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A broken property in one case, told so that a stranger knows where to look.

    code, title: the stable code (`RT102`) and its name. property: the id in the catalogue (`P2`).
    boundary: the boundary in words. work: the work key. summary: one sentence, what happened and what is allowed.
    witness: the shortest telling. likely, where_to_look, owner, spread: cause, component, who owned recovery, how far.
    declared: the line of the manifest that says otherwise, `retrigger.toml:57  awaits = true`; empty for none.
    fate: what became of the work in a word, where the code says so: LOST, DOUBLED, STUCK_UNTIL_RESTART, ...
    """

    code: str
    title: str
    property: str
    boundary: str
    work: str
    summary: str
    witness: tuple[WitnessStep, ...] = ()
    likely: str = ""
    where_to_look: str = ""
    declared: str = ""
    owner: str = ""
    spread: str = ""
    fate: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseReport:
    """One case: a plan that was run.

    plan: id of the plan. faults: its faults in words. family: their kinds and gaps, `kill @recv`.
    outcome: verdict of this case. properties: the verdict on each property, by id. seconds: wall time.
    phase_s: seconds by phase. findings: what was broken. landed: the faults that proved to have hit.
    history_path: its JSON lines in a file; history: the lines themselves where there is no file.
    reproduced, of: how often the verdict came again, k of n runs; 0 of 0 where it was run once.
    smallest_of: how many failing plans it is the smallest of. steps_before: its steps before shrinking.
    shrunk_to, shrunk_faults: the smallest plan that was found to fail in the same way, which the findings and the
    history are of; empty where this plan is as small as it gets.
    error: what went wrong in the harness, where the outcome is ERROR. notes: what was seen and not judged.
    figures: what was measured of it, verdict aside; None in a report of an older version.
    """

    plan: str
    faults: tuple[str, ...] = ()
    family: str = ""
    outcome: Verdict = Verdict.HOLDS
    properties: dict[str, Verdict] = field(default_factory=dict)
    seconds: float = 0.0
    phase_s: dict[str, float] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    landed: tuple[str, ...] = ()
    history_path: str = ""
    history: str = ""
    reproduced: int = 0
    of: int = 0
    smallest_of: int = 0
    steps_before: int = 0
    shrunk_to: str = ""
    shrunk_faults: tuple[str, ...] = ()
    error: str = ""
    notes: tuple[str, ...] = ()
    figures: Figures | None = None

    @property
    def told_plan(self) -> str:
        """The plan that a reader is told of, and replays."""
        return self.shrunk_to or self.plan

    @property
    def told_faults(self) -> tuple[str, ...]:
        """Its faults in words."""
        return self.shrunk_faults if self.shrunk_to else self.faults

    @property
    def broken(self) -> set[str]:
        """The properties that this case violates; those of its findings, where it does not say of each property."""
        if self.outcome is not Verdict.VIOLATED:
            return set()
        said = {name for name, verdict in self.properties.items() if verdict is Verdict.VIOLATED}
        return said or {finding.property for finding in self.findings}

    def read_history(self) -> History | None:
        """The history of this case, or None where none was kept. Raises HistoryError where it cannot be read."""
        if self.history:
            return History(Event.from_json(line) for line in self.history.removesuffix("\n").split("\n"))
        return read_jsonl(Path(self.history_path)) if self.history_path else None


@dataclass(frozen=True, slots=True, kw_only=True)
class NotExercised:
    """A plan of which nothing was shown, because its faults did not land, and why."""

    plan: str
    faults: tuple[str, ...]
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GapReport:
    """One gap of the manifest. gap: `@recv charge`. hits: how often which kind of fault landed there: `kill` -> 3.

    why: why none did; empty where one did.
    """

    gap: str
    hits: dict[str, int] = field(default_factory=dict)
    why: str = ""

    @staticmethod
    def merged(parts: Iterable[GapReport]) -> tuple[GapReport, ...]:
        """The gaps of several parts of one campaign; of reasons the first that is not "another part"."""
        alike: dict[str, list[GapReport]] = {}
        for part in parts:
            alike.setdefault(part.gap, []).append(part)
        return tuple(_of_all(gap, each) for gap, each in alike.items())


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownFailure:
    """An entry of the baseline: this property is known to be violated under this family of plans, and why.

    plans: ids of all the plans of the family, where they can be enumerated. Only when all of them were run and none
    violates the property any more is the entry stale.
    """

    property: str
    family: str
    reason: str
    plans: tuple[str, ...] = ()

    def state(self, cases: Iterable[CaseReport]) -> str:
        """`fails` as announced, `stale` because nothing fails any more, or `not run` where that is not shown."""
        mine = [case for case in cases if case.family == self.family]
        if any(self.property in case.broken for case in mine):
            return "fails"
        shown = {c.plan for c in mine if c.outcome not in (Verdict.INCONCLUSIVE, Verdict.ERROR)}
        held = any(case.properties.get(self.property) is Verdict.HOLDS for case in mine)
        return "stale" if self.plans and held and set(self.plans) <= shown else "not run"


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemReport:
    """Everything that was learnt about one system under test.

    name, path, about, expect: as its manifest says. nodes, edges, boundaries, unowned, lints: its graph and what was
    derived from it. verdict: of the whole. plans: how many were planned. cases: those that were run.
    faults_landed: how often each family of faults hit, zero included. gaps: where they hit, and where none did.
    not_tested: what no plan covers, in words.
    not_run: how many planned cases were not run. core: ids of the plans that no verdict can do without.
    level: the level of the contract that the manifest reaches. claimed: the properties that are judged there.
    not_claimed: what is not, and what would unlock it, in words. placement: who places the triggers, in a word.
    workflows: the business processes that its manifest names, over the boundaries. terms: fault in common terms -> id
        of the plan that means it here, or why there is none after a `-`.
    baseline: known failures. seconds: wall time of this system's part. running_s: from its first case to the end of
        its last, without set-up.
    """

    name: str
    path: str
    verdict: Verdict
    expect: Verdict = Verdict.HOLDS
    about: str = ""
    nodes: tuple[GraphNode, ...] = ()
    edges: tuple[GraphEdge, ...] = ()
    boundaries: tuple[Boundary, ...] = ()
    unowned: tuple[str, ...] = ()
    lints: tuple[str, ...] = ()
    plans: int = 0
    cases: tuple[CaseReport, ...] = ()
    faults_landed: dict[str, int] = field(default_factory=dict)
    gaps: tuple[GapReport, ...] = ()
    not_exercised: tuple[NotExercised, ...] = ()
    not_tested: tuple[str, ...] = ()
    not_run: int = 0
    core: tuple[str, ...] = ()
    level: str = ""
    claimed: tuple[str, ...] = ()
    not_claimed: tuple[str, ...] = ()
    placement: str = ""
    workflows: tuple[Shared, ...] = ()
    terms: dict[str, str] = field(default_factory=dict)
    baseline: tuple[KnownFailure, ...] = ()
    seconds: float = 0.0
    running_s: float = 0.0

    @property
    def silent(self) -> tuple[str, ...]:
        """Claimed properties that no case put to the test."""
        exercised = {
            name
            for case in self.cases
            for name, verdict in case.properties.items()
            if verdict is not Verdict.NOT_EXERCISED
        }
        return tuple(name for name in self.claimed if name not in exercised)

    def is_known(self, case: CaseReport) -> bool:
        """Everything that this case violates is in the baseline."""
        known = {entry.property for entry in self.baseline if entry.family == case.family}
        return bool(case.broken) and case.broken <= known

    @property
    def stale(self) -> tuple[KnownFailure, ...]:
        """Entries of the baseline that nothing fails any more."""
        return tuple(entry for entry in self.baseline if entry.state(self.cases) == "stale")

    @property
    def verdict_beyond_baseline(self) -> Verdict:
        """The verdict that is left when known failures are set aside; a stale entry counts as a violation."""
        if self.stale and self.verdict is not Verdict.ERROR:
            return Verdict.VIOLATED
        guilty = [case for case in self.cases if case.outcome is Verdict.VIOLATED]
        if self.verdict is not Verdict.VIOLATED or not all(map(self.is_known, guilty)):
            return self.verdict
        rest = {case.outcome for case in self.cases} - {Verdict.VIOLATED, Verdict.NOT_EXERCISED}
        return gravest(rest | {Verdict.HOLDS})

    @property
    def as_expected(self) -> bool:
        """Whether the verdict is the one that the manifest announces."""
        return self.verdict is self.expect

    @property
    def cases_per_min(self) -> float:
        """Cases a minute while cases ran, set-up left out; 0 where nothing was run."""
        took_s = self.running_s or self.seconds
        return round(60 * len(self.cases) / took_s, 1) if took_s else 0.0

    def violated(self) -> list[CaseReport]:
        """The cases with findings: the smallest plan first, of equal ones the one that reproduces best."""
        return sorted((c for c in self.cases if c.findings), key=_telling)

    def counts(self) -> dict[Verdict, int]:
        """How many cases ended with each verdict, verdicts that never came left out."""
        seen = [case.outcome for case in self.cases]
        return {verdict: seen.count(verdict) for verdict in GRAVITY if verdict in seen}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunReport:
    """One call of the command line: what was used, and a part for each system.

    tool_version: of retrigger. command: the command line in words. profile, explore: what was planned.
    shard: which part of the plans, `1/2`. budget_s: how long cases were begun. seed: of the plans.
    workers: how many ran cases at the same time. seconds: wall time of the whole. estimated_s: what was foreseen.
    """

    tool_version: str
    toxiproxy: Toxiproxy
    systems: tuple[SystemReport, ...]
    command: str = ""
    profile: str = ""
    explore: str = ""
    shard: str = ""
    budget_s: float | None = None
    seed: int = 0
    workers: int = 1
    seconds: float = 0.0
    estimated_s: float = 0.0

    @property
    def verdict(self) -> Verdict:
        """Of one system: its own. Of several: the gravest that was not announced.

        A system that announces a violation and does not show one proves the harness blind, so the holding ones next to
        it prove nothing: INCONCLUSIVE.
        """
        if len(self.systems) == 1:
            return self.systems[0].verdict
        return gravest(_against_expectation(system, system.verdict) for system in self.systems)

    @property
    def exit_code(self) -> int:
        """What the command line ends with: as the verdict says, known failures set aside, stale entries not."""
        if len(self.systems) == 1:
            return exit_code(self.systems[0].verdict_beyond_baseline)
        return exit_code(gravest(_against_expectation(s, s.verdict_beyond_baseline) for s in self.systems))

    def to_json(self) -> str:
        """This report as JSON, for `from_json`."""
        return _ADAPTER.dump_json(self, indent=1).decode()

    @staticmethod
    def from_json(text: str) -> RunReport:
        """The report that `to_json` wrote. Raises pydantic's ValidationError where the text is something else."""
        return _ADAPTER.validate_json(text)


def _against_expectation(system: SystemReport, verdict: Verdict) -> Verdict:
    if verdict is system.expect:
        return Verdict.HOLDS
    return Verdict.INCONCLUSIVE if system.verdict is Verdict.HOLDS else verdict


def _of_all(gap: str, parts: list[GapReport]) -> GapReport:
    hits: dict[str, int] = {}
    for part in parts:
        for action, times in part.hits.items():
            hits[action] = hits.get(action, 0) + times
    whys = sorted((part.why for part in parts if part.why), key=lambda why: "another part" in why)
    return GapReport(gap=gap, hits=hits, why="" if hits else next(iter(whys), ""))


def _telling(case: CaseReport) -> tuple[int, float, tuple[str, ...], str]:
    reproduced = case.reproduced / case.of if case.of else 0.0
    return (len(case.faults), -reproduced, case.faults, case.plan)


_ADAPTER = TypeAdapter(RunReport)
