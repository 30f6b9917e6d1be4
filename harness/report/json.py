"""The report that machines read: `retrigger run X --report json=FILE`.

The keys of one system, in this order and always present: verdict, plans, cases, seconds, cases_per_min, toxiproxy,
violations, faults_landed, not_exercised, not_tested. Further keys follow them. Several systems stand in a list under
`systems`, each with the same keys, after a verdict for all of them.
"""

from __future__ import annotations

import json
from typing import Any

from harness.report.model import CaseReport, Finding, RunReport, SystemReport, exit_code

__all__ = ["report_document", "report_json"]


def report_json(run: RunReport) -> str:
    """The document as text, indented, ending with a newline."""
    return json.dumps(report_document(run), indent=2, ensure_ascii=False) + "\n"


def report_document(run: RunReport) -> dict[str, Any]:
    """The document as plain data: one system's keys, or `verdict`, common keys and `systems` for several."""
    if len(run.systems) == 1:
        return _system(run, run.systems[0])
    common = {"verdict": run.verdict.value, "exit_code": exit_code(run.verdict), "seconds": round(run.seconds, 3)}
    return common | _toxiproxy(run) | _circumstances(run) | {"systems": [_system(run, s) for s in run.systems]}


def _system(run: RunReport, system: SystemReport) -> dict[str, Any]:
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
    }
    return document | _circumstances(run)


def _violation(case: CaseReport, finding: Finding) -> dict[str, Any]:
    return {
        "code": finding.code,
        "property": finding.property,
        "boundary": finding.boundary,
        "work": finding.work,
        "plan": case.plan,
        "faults": list(case.faults),
        "witness": [step.squeezed for step in finding.witness],
        "summary": finding.summary,
        "reproduced": [case.reproduced, case.of],
    }


def _toxiproxy(run: RunReport) -> dict[str, Any]:
    proxy = run.toxiproxy
    return {"toxiproxy": {"version": proxy.version, "origin": proxy.origin, "real": proxy.real}}


def _circumstances(run: RunReport) -> dict[str, Any]:
    return {
        "tool_version": run.tool_version,
        "profile": run.profile,
        "explore": run.explore,
        "seed": run.seed,
        "workers": run.workers,
    }
