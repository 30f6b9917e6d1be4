"""Placements side by side: the same work, the same faults, and what came of it in each.

Made from run reports alone, so that runs of different days and machines can be compared, and pictures be drawn again. A
fault is named in common terms (`harness.plans.common`); each report says which of its plans means it there. Whatever is
compared is what was seen: an invocation that nothing could see is not counted, and a term that means nothing in a
system, or was not run, stands there with the reason.
Source: the post, "Final thoughts": where to look, who owns recovery, how far the impact spreads
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from harness.checks.figures import Figures
from harness.checks.verdict import Verdict
from harness.errors import Problem, UsageError
from harness.plans.common import TERMS
from harness.report.model import CaseReport, RunReport, SystemReport

__all__ = ["Cell", "Comparison", "Placement", "Row", "compare"]

NO_FAULT = "none"
BROKERED = ("queue", "topic")
"""Kinds of triggers that bring each invocation as a message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """A system that is compared.

    name, about: as its manifest says. verdict: of all its cases here. boundaries, largest: how many, and how many nodes
    the largest has. ok_means: what the caller knows with an ok. workflows: each one, and who holds it whole, in words.
    """

    name: str
    about: str
    verdict: Verdict
    boundaries: int
    largest: int
    ok_means: str
    workflows: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One placement under one fault. Seconds count from the first submit of the work where nothing else is said.

    placement: its name. why_not: why there is nothing to tell; every other field is then empty.
    fault: what the term means here, in a plan's words. verdict: of the case.
    again: node -> invocations beyond those of the run without faults. redriver, holder: who drove the work again, and
    where that trigger is stored; empty where nothing was done again.
    fault_s, noticed_s: when the fault struck, and when something was first done again. detect_s: between the two.
    completed_s: when everything owed was done. late_s: how much later than without faults. partial_s: how long some of
    it was done and some was not. first_effect_s: when that began. messages: requests on links, publishes, deliveries.
    tries: how often the client sent the work. outcome: what he knew in the end. undone: it ended in compensation.
    ask: owners of what was unfinished when the fault struck, and where they keep it.
    """

    placement: str
    why_not: str = ""
    fault: str = ""
    verdict: Verdict = Verdict.NOT_EXERCISED
    again: Mapping[str, int] = field(default_factory=dict)
    redriver: str = ""
    holder: str = ""
    fault_s: float | None = None
    noticed_s: float | None = None
    detect_s: float | None = None
    first_effect_s: float | None = None
    completed_s: float | None = None
    late_s: float | None = None
    partial_s: float | None = None
    messages: int = 0
    tries: int = 0
    outcome: str = ""
    undone: bool = False
    ask: tuple[str, ...] = ()

    @property
    def spread(self) -> int:
        """Invocations that the fault added."""
        return sum(self.again.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One fault in common terms, and a cell for each placement. name: `none` for the run without faults."""

    name: str
    words: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The whole table."""

    placements: tuple[Placement, ...]
    rows: tuple[Row, ...]

    def document(self) -> dict[str, Any]:
        """As plain JSON: `placements`, and `faults` with a cell for each placement."""
        rows = [asdict(row) | {"cells": [_cell_document(cell) for cell in row.cells]} for row in self.rows]
        return {"placements": [asdict(placement) for placement in self.placements], "faults": rows}


def _cell_document(cell: Cell) -> dict[str, Any]:
    if cell.why_not:
        return {"placement": cell.placement, "why_not": cell.why_not}
    return {key: value for key, value in asdict(cell).items() if key != "why_not"} | {"spread": cell.spread}


def compare(runs: Iterable[RunReport]) -> Comparison:
    """Puts the systems of these runs side by side, in the order in which they come.

    Raises:
        UsageError: a report does not say what the faults are in common terms, or there are fewer than two systems.
    """
    systems = [system for run in runs for system in run.systems]
    _require_comparable(systems)
    rows = [Row(name=NO_FAULT, words="no fault", cells=tuple(_cell(s, _base(s), s) for s in systems))]
    for term in TERMS:
        cells = tuple(_under(system, term.name) for system in systems)
        rows.append(Row(name=term.name, words=term.words, cells=cells))
    return Comparison(placements=tuple(map(_placement, systems)), rows=tuple(rows))


def _require_comparable(systems: Sequence[SystemReport]) -> None:
    blind = [system.name for system in systems if not system.terms or _base(system) is None]
    if blind:
        raise UsageError(
            Problem(
                what=f"the report of {', '.join(blind)} cannot be compared",
                expected="a run of this version that has the case without faults in it",
                got="no such case, or no figures",
                fix="retrigger run MANIFEST --explore common --report json=FILE",
            )
        )
    if len(systems) < 2:
        raise UsageError(
            Problem(
                what="one system alone cannot be compared",
                expected="two or more manifests, patterns or reports",
                got=systems[0].name if systems else "none",
                fix="retrigger compare MANIFEST MANIFEST",
            )
        )


def _base(system: SystemReport) -> CaseReport | None:
    return next((case for case in system.cases if not case.faults and case.figures), None)


def _placement(system: SystemReport) -> Placement:
    base = _base(system)
    figures = base.figures if base else None
    return Placement(
        name=system.name,
        about=system.about,
        verdict=system.verdict,
        boundaries=len(system.boundaries),
        largest=max((len(boundary.nodes) for boundary in system.boundaries), default=0),
        ok_means=figures.ok_means if figures else "",
        workflows=tuple(
            f"{w.name}: {len(w.boundaries)} boundar{'y' if len(w.boundaries) == 1 else 'ies'}, "
            f"held whole by {w.held_by or 'nobody'}"
            for w in system.workflows
        ),
    )


def _under(system: SystemReport, term: str) -> Cell:
    plan = system.terms.get(term, "- not known to the version that made this report")
    if plan.startswith("- "):
        return Cell(placement=system.name, why_not=plan.removeprefix("- "))
    case = next((case for case in system.cases if case.plan == plan), None)
    return _cell(system, case, system)


def _cell(system: SystemReport, case: CaseReport | None, of: SystemReport) -> Cell:
    if case is None or case.figures is None:
        return Cell(placement=system.name, why_not="not in this report")
    if case.outcome in (Verdict.NOT_EXERCISED, Verdict.ERROR):
        return Cell(placement=system.name, why_not=f"{case.outcome.value}: {case.error or 'the fault did not land'}")
    figures, base = case.figures, _base(of)
    usual = base.figures if base else None
    return Cell(
        placement=system.name,
        fault=" + ".join(case.faults),
        verdict=case.outcome,
        again=_again(figures, usual),
        redriver=figures.redriver,
        holder=figures.holder,
        fault_s=figures.fault_s,
        noticed_s=figures.noticed_s,
        detect_s=_between(figures.fault_s, figures.noticed_s),
        first_effect_s=figures.first_effect_s,
        completed_s=figures.completed_s,
        late_s=_between(usual.completed_s if usual else None, figures.completed_s),
        partial_s=figures.partial_s,
        messages=_messages(system, figures),
        tries=figures.tries,
        outcome=figures.outcome,
        undone=figures.undone,
        ask=figures.ask,
    )


def _again(figures: Figures, usual: Figures | None) -> dict[str, int]:
    """Invocations beyond the usual ones; a node that only a fault calls for, as a compensation, may be invoked once."""
    before = usual.invocations if usual else {}
    extra = {node: count - max(1, before.get(node, 1)) for node, count in figures.invocations.items()}
    return {node: count for node, count in extra.items() if count > 0}


def _between(first_s: float | None, second_s: float | None) -> float | None:
    return None if first_s is None or second_s is None else round(second_s - first_s, 4)


def _messages(system: SystemReport, figures: Figures) -> int:
    """Requests that a hop saw; and where a broker brings the work, one publish and a delivery for each invocation."""
    targets = {e.target.partition("@")[0] for e in system.edges if e.trigger.rpartition(" ")[2] in BROKERED}
    brought = [figures.invocations[node] for node in sorted(targets & figures.invocations.keys())]
    return figures.requests + sum(1 + deliveries for deliveries in brought)
