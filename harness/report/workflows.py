"""Business processes in a report: how long each stood partially complete under the faults of a run, and whom to ask.

The longest first, since that is the one that somebody will be called about. A case whose fault did not land says
nothing.
Source: the post, "Responsibility boundaries vs Business process boundaries"
"""

from __future__ import annotations

import math

from harness.boundaries.workflows import Shared
from harness.checks.figures import WorkflowFigures
from harness.checks.verdict import Verdict
from harness.report.model import CaseReport, SystemReport

__all__ = ["ask_counts", "in_words", "usual_s", "workflow_cases"]


def workflow_cases(system: SystemReport, workflow: Shared) -> list[tuple[CaseReport, WorkflowFigures]]:
    """The cases in which a workflow was measured, with their figures; never completed first, then the longest."""
    counted = [case for case in system.cases if case.outcome not in (Verdict.NOT_EXERCISED, Verdict.ERROR)]
    found = [(c, each) for c in counted if c.figures for each in c.figures.workflows if each.name == workflow.name]
    return sorted(found, key=lambda pair: -(math.inf if pair[1].partial_s is None else pair[1].partial_s))


def usual_s(system: SystemReport, workflow: Shared) -> float | None:
    """How long it is partially complete without faults; None where that was not measured."""
    return next((each.partial_s for case, each in workflow_cases(system, workflow) if not case.faults), None)


def ask_counts(system: SystemReport, workflow: Shared) -> dict[str, int]:
    """Everybody who would have had to be asked, and after how many of the faults."""
    asked = [owner for case, each in workflow_cases(system, workflow) if case.faults for owner in each.ask]
    return {owner: asked.count(owner) for owner in dict.fromkeys(asked)}


def in_words(system: SystemReport, workflow: Shared) -> list[tuple[str, str]]:
    """What a run says of a workflow, as (name, text) for a reader."""
    count = len(workflow.boundaries)
    held = f"held as a whole by {workflow.held_by}" if workflow.held_by else "held as a whole by nobody"
    lines = [(f"workflow {workflow.name}", f"shared by {count} boundar{'y' if count == 1 else 'ies'}, {held}")]
    if workflow.too_large:
        lines.append(("too large", f"{', '.join(workflow.too_large)} reaches into another workflow as well"))
    hurt = [(case, each) for case, each in workflow_cases(system, workflow) if case.faults]
    if hurt:
        case, longest = hurt[0]
        stood = "never completed" if longest.partial_s is None else f"{longest.partial_s:.2f} s at most"
        usual = usual_s(system, workflow)
        without = "" if usual is None else f"{usual:.2f} s without faults, "
        lines.append(("partly done for", f"{without}{stood}: {' + '.join(case.faults)}"))
        lines.append(("to be asked then", _asked(system, workflow, [len(each.ask) for _, each in hurt if each.ask])))
    return lines


def _asked(system: SystemReport, workflow: Shared, counts: list[int]) -> str:
    """How many owners at once, over the faults that left something open, and who they are."""
    if not counts:
        return "nobody: nothing of it was open"
    mean = sum(counts) / len(counts)
    many = "1 owner" if max(counts) == 1 else f"up to {max(counts)} owners at once, {mean:.1f} on average"
    return f"{many}: {'; '.join(ask_counts(system, workflow))}"
