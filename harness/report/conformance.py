"""`conformance.json`: what an implementation may say of itself after a run, and no more; and the badge made of it.

It is a record of one run, in words that hold later and elsewhere: what was tested, how, what was left out, and the
command that does it again. A badge is refused where a core check was skipped, because it would say more than was seen.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from html import escape
from typing import Any

from harness.checks.verdict import Verdict
from harness.report.families import cell_of, families
from harness.report.model import RunReport, SystemReport

__all__ = ["badge_svg", "conformance_document", "conformance_text", "refusals"]

CORE_PROPERTIES = ("P1b", "P2", "P3", "P16")
"""What every run that deserves a badge has put to the test. (P1a and P5 need answers that not every system gives.)"""
SKIPPED = (Verdict.NOT_EXERCISED, Verdict.INCONCLUSIVE, Verdict.ERROR)
GREEN, RED = "#2e6b34", "#a3261d"


def conformance_text(run: RunReport) -> str:
    """The document as text, ending with a newline."""
    return json.dumps(conformance_document(run), indent=2, ensure_ascii=False) + "\n"


def conformance_document(run: RunReport) -> dict[str, Any]:
    """The document as plain data."""
    return {
        "suite": f"retrigger {run.tool_version}",
        "mode": f"toxiproxy {run.toxiproxy.version} ({run.toxiproxy.origin})"
        + ("" if run.toxiproxy.real else ", NOT a real Toxiproxy"),
        "plans": {"explore": run.explore, "seed": run.seed, "shard": run.shard, "budget_s": run.budget_s},
        "reproduce": run.command,
        "implementations": [_system(run, system) for system in run.systems],
    }


def _system(run: RunReport, system: SystemReport) -> dict[str, Any]:
    run_plans = {case.plan: case for case in system.cases}
    return {
        "implementation": system.name,
        "about": system.about,
        "profile": _profile(system),
        "verdict": system.verdict.value,
        "level": system.level,
        "results": {name: cell_of(system.cases, "", name).verdict.value for name in _properties(system)},
        "not_claimed": list(system.not_claimed),
        "core": {"plans": len(system.core), "skipped": _skipped(system)},
        "cases": len(run_plans),
        "known_failures": [f"{k.property} under {k.family}: {k.reason}" for k in system.baseline],
        "fault_model": sorted(family for family in families(system.cases) if family),
        "faults_landed": dict(system.faults_landed),
        "not_tested": list(system.not_tested),
        "badge": "; ".join(_refused(run, system)) or "granted",
    }


def _profile(system: SystemReport) -> str:
    return f"{system.placement or 'none'}@1"


def _properties(system: SystemReport) -> list[str]:
    return list(dict.fromkeys(name for case in system.cases for name in case.properties))


def _skipped(system: SystemReport) -> list[str]:
    """Core plans that were not run, or of which nothing was shown."""
    shown = {case.plan for case in system.cases if case.outcome not in SKIPPED}
    return [plan for plan in system.core if plan not in shown]


def refusals(run: RunReport) -> list[str]:
    """Why there is no badge for this run, a line each; empty where there is one."""
    return [f"{system.name}: {why}" for system in run.systems for why in _refused(run, system)]


def _refused(run: RunReport, system: SystemReport) -> Iterator[str]:
    skipped = _skipped(system)
    if not run.toxiproxy.real:
        yield "the network faults went through a stand-in, not through a real Toxiproxy"
    if run.shard:
        yield f"only shard {run.shard} was run (retrigger report merge)"
    if skipped or not system.core:
        yield f"core plans were not run or showed nothing: {', '.join(skipped) or 'none was planned'}"
    silent = [p for p in CORE_PROPERTIES if cell_of(system.cases, "", p).verdict in SKIPPED]
    if silent:
        yield f"core properties were not put to the test: {', '.join(silent)}"
    if system.verdict in SKIPPED:
        yield f"the verdict is {system.verdict.value}"


def badge_svg(run: RunReport) -> str:
    """A small picture: who was tested at which level, and whether it holds. Nothing in it is loaded from anywhere."""
    verdict = run.verdict
    level = ", ".join(dict.fromkeys(f"{_profile(system)} {system.level}".strip() for system in run.systems))
    left, right = "retrigger", f"{level} {'holds' if verdict is Verdict.HOLDS else verdict.value.lower()}"
    widths = [12 + 7 * len(text) for text in (left, right)]
    colour = GREEN if verdict is Verdict.HOLDS else RED
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{sum(widths)}" height="20" role="img" '
        f'aria-label="{escape(f"{left}: {right}")}">\n'
        f'<rect width="{sum(widths)}" height="20" rx="3" fill="#3b3f44"/>\n'
        f'<path d="M{widths[0]} 0h{widths[1] - 3}q3 0 3 3v14q0 3 -3 3h-{widths[1] - 3}z" fill="{colour}"/>\n'
        '<g fill="#fff" font-family="Verdana,sans-serif" font-size="11" text-anchor="middle">\n'
        f'<text x="{widths[0] / 2:g}" y="14">{escape(left)}</text>\n'
        f'<text x="{widths[0] + widths[1] / 2:g}" y="14">{escape(right)}</text>\n</g>\n</svg>\n'
    )
