"""The report that machines read: `retrigger run X --report json=FILE`.

The keys of one system, in this order and always present: verdict, plans, cases, seconds, cases_per_min, toxiproxy,
violations, faults_landed, not_exercised, not_tested. Further keys follow them. Several systems stand in a list under
`systems`, each with the same keys, after a verdict for all of them. The last key is `run`: everything, as
`RunReport.from_json` reads it, from which reports can be merged and every other report be made again.
"""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from harness.checks.figures import WorkflowFigures
from harness.errors import Problem, UsageError
from harness.report.families import cells_of
from harness.report.html import interesting_cases
from harness.report.model import CaseReport, Finding, RunReport, SystemReport
from harness.report.workflows import workflow_cases

__all__ = ["circumstances", "read_report", "report_document", "report_json", "system_document"]


def report_json(run: RunReport) -> str:
    """The document as text, indented, ending with a newline. Histories that pictures are drawn from travel in it."""
    document = report_document(run) | {"run": json.loads(_with_histories(run).to_json())}
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def read_report(path: Path) -> RunReport:
    """The run that a JSON report tells of.

    Raises:
        UsageError: it cannot be read, or was not written by `--report json=FILE`.
    """
    try:
        return RunReport.from_json(json.dumps(json.loads(path.read_text(encoding="utf-8"))["run"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        first, *_ = str(error).splitlines() or [""]
        raise UsageError(
            Problem(
                what=f"{path} is no JSON report of a run",
                expected="a file that `retrigger run MANIFEST --report json=FILE` wrote",
                got=f"{type(error).__name__}: {first}",
            )
        ) from None


def _with_histories(run: RunReport) -> RunReport:
    """The same run with the histories of its pictured cases inside: the files stay behind on another machine."""
    systems = []
    for system in run.systems:
        pictured = {case.plan for case in interesting_cases(system)}
        cases = (_with_history(case) if case.plan in pictured else case for case in system.cases)
        systems.append(replace(system, cases=tuple(cases)))
    return replace(run, systems=tuple(systems))


def _with_history(case: CaseReport) -> CaseReport:
    try:
        text = Path(case.history_path).read_text(encoding="utf-8") if case.history_path else case.history
    except (OSError, ValueError):
        return case
    return replace(case, history=text)


def report_document(run: RunReport) -> dict[str, Any]:
    """The document as plain data: one system's keys, or `verdict`, common keys and `systems` for several."""
    if len(run.systems) == 1:
        return system_document(run, run.systems[0])
    common = {"verdict": run.verdict.value, "exit_code": run.exit_code, "seconds": round(run.seconds, 3)}
    return common | circumstances(run) | {"systems": [system_document(run, s) for s in run.systems]}


def system_document(run: RunReport, system: SystemReport) -> dict[str, Any]:
    """The keys of one system."""
    document = {
        "verdict": system.verdict.value,
        "plans": system.plans,
        "cases": len(system.cases),
        "seconds": round(system.seconds, 3),
        "cases_per_min": system.cases_per_min,
        **_toxiproxy(run),
        "violations": [_violation(case, finding) for case in system.violated() for finding in case.findings],
        "faults_landed": dict(system.faults_landed),
        "not_exercised": [{"plan": n.plan, "faults": list(n.faults), "why": n.why} for n in system.not_exercised],
        "not_tested": list(system.not_tested),
        "system": system.name,
        "running_s": round(system.running_s, 3),
        "path": system.path,
        "expected": system.expect.value,
        "as_expected": system.as_expected,
        "outcomes": {verdict.value: count for verdict, count in system.counts().items()},
        "families": _families(system),
        "level": system.level,
        "claimed": list(system.claimed),
        "not_claimed": list(system.not_claimed),
        "claimed_not_exercised": list(system.silent),
        "baseline": [
            {"property": k.property, "family": k.family, "reason": k.reason, "state": k.state(system.cases)}
            for k in system.baseline
        ],
        "not_run": system.not_run,
        "gaps": [{"gap": each.gap, "hits": dict(each.hits), "why": each.why} for each in system.gaps],
    }
    workflows = {"workflows": workflow_documents(system)} if system.workflows else {}
    return document | workflows | circumstances(run)


def workflow_documents(system: SystemReport) -> list[dict[str, Any]]:
    """Each business process over the boundaries, and how long it stood partially complete in each case."""
    return [
        asdict(workflow)
        | {"cases": [_workflow_case(case, figures) for case, figures in workflow_cases(system, workflow)]}
        for workflow in system.workflows
    ]


def _workflow_case(case: CaseReport, figures: WorkflowFigures) -> dict[str, Any]:
    told = {"partial_s": figures.partial_s, "completed": figures.completed, "ask": list(figures.ask)}
    return {"plan": case.plan, "faults": list(case.faults)} | told


def _families(system: SystemReport) -> dict[str, dict[str, str]]:
    """Family of plans -> property -> verdict."""
    table: dict[str, dict[str, str]] = {}
    for cell in cells_of(system):
        table.setdefault(cell.family, {})[cell.property_id] = cell.verdict.value
    return table


def _violation(case: CaseReport, finding: Finding) -> dict[str, Any]:
    return {
        "code": finding.code,
        "property": finding.property,
        "boundary": finding.boundary,
        "work": finding.work,
        "plan": case.told_plan,
        "faults": list(case.told_faults),
        "witness": [step.squeezed for step in finding.witness],
        "summary": finding.summary,
        "declared": finding.declared,
        "fate": finding.fate,
        "shrunk_from": case.plan if case.shrunk_to else None,
        "reproduced": [case.reproduced, case.of],
    }


def _toxiproxy(run: RunReport) -> dict[str, Any]:
    proxy = run.toxiproxy
    return {"toxiproxy": {"version": proxy.version, "origin": proxy.origin, "real": proxy.real}}


def circumstances(run: RunReport) -> dict[str, Any]:
    """What was used, and what was planned."""
    return _toxiproxy(run) | {
        "tool_version": run.tool_version,
        "profile": run.profile,
        "explore": run.explore,
        "seed": run.seed,
        "workers": run.workers,
        "shard": run.shard,
        "budget_s": run.budget_s,
        "estimated_seconds": run.estimated_s,
    }
