"""Cases as a table: a row for each family of plans, a column for each property, a verdict where they meet.

This is the form in which known failures are named, tests are counted and machines are told: stable from run to run,
where single plans come and go with every change of a manifest.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from harness.checks.verdict import Verdict
from harness.report.model import CaseReport, Finding, SystemReport

__all__ = ["Cell", "cell_of", "cells_of", "families", "told"]

GRAVEST_FIRST = (Verdict.VIOLATED, Verdict.INCONCLUSIVE, Verdict.HOLDS, Verdict.NOT_EXERCISED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One property under one family of plans.

    cases: all of the family. deciding: those that gave the verdict. known: the reason why a violation is known.
    """

    family: str
    property_id: str
    verdict: Verdict
    cases: tuple[CaseReport, ...]
    deciding: tuple[CaseReport, ...]
    known: str = ""

    @property
    def why(self) -> str:
        """What a reader is told where the property does not simply hold, in full."""
        if self.verdict is Verdict.VIOLATED:
            return "\n\n".join(told(case, self.property_id) for case in self.deciding)
        reasons = dict.fromkeys(case.error or "nothing put it to the test" for case in self.deciding)
        return "; ".join(reasons) or "no case was run"

    @property
    def seconds(self) -> float:
        """How long its cases took."""
        return sum(case.seconds for case in self.cases)


def families(cases: Iterable[CaseReport]) -> dict[str, list[CaseReport]]:
    """The cases of each family, in the order in which families first come."""
    found: dict[str, list[CaseReport]] = {}
    for case in cases:
        found.setdefault(case.family, []).append(case)
    return found


def cells_of(system: SystemReport) -> list[Cell]:
    """Every property under every family that was run, row by row."""
    known = {(entry.family, entry.property): entry.reason for entry in system.baseline}
    return [
        cell_of(cases, family, name, known.get((family, name), ""))
        for family, cases in families(system.cases).items()
        for name in dict.fromkeys(name for case in cases for name in case.properties)
    ]


def cell_of(cases: Sequence[CaseReport], family: str, name: str, known: str = "") -> Cell:
    """One property over these cases: violated where one violates it, else undecided, held, or never put to the test."""
    if failed := tuple(case for case in cases if case.outcome is Verdict.ERROR):
        return Cell(family=family, property_id=name, verdict=Verdict.ERROR, cases=tuple(cases), deciding=failed)
    said = {verdict: [c for c in cases if c.properties.get(name) is verdict] for verdict in GRAVEST_FIRST}
    verdict = next((verdict for verdict, some in said.items() if some), Verdict.NOT_EXERCISED)
    return Cell(
        family=family, property_id=name, verdict=verdict, cases=tuple(cases), deciding=tuple(said[verdict]), known=known
    )


def told(case: CaseReport, name: str = "") -> str:
    """The findings of a case, each with its witness and the command that replays it.

    Args:
        case: one with findings. name: the property to tell of; where no finding is its own (it follows from others),
            or none is named, all are told.
    """
    own = [finding for finding in case.findings if finding.property == name]
    faults = " + ".join(case.told_faults) or "no faults"
    return "\n\n".join(_finding(finding, case.told_plan, faults) for finding in own or case.findings)


def _finding(finding: Finding, plan: str, faults: str) -> str:
    steps = (f"  {number}  {step.text}" for number, step in enumerate(finding.witness, start=1))
    lines = [
        f"{finding.code} {finding.title}, boundary {finding.boundary}, plan {plan}: {faults}",
        finding.summary,
        *steps,
        f"likely   {finding.likely}" if finding.likely else "",
        f"declared {finding.declared}" if finding.declared else "",
        f"replay   retrigger replay {plan}      why   retrigger explain {finding.code}",
    ]
    return "\n".join(line for line in lines if line)
