"""The report that people share: one HTML file that needs nothing but itself.

No network, no fonts or scripts from elsewhere; a content security policy in the page forbids both, and everything that
comes from a service or a manifest is escaped. Without JavaScript all cases stand one below the other; with it one at a
time. Only interesting cases get pictures (violations first, the smallest plan of each kind, then one that holds); the
others are rows of a table, so a page of 500 cases still opens at once.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from harness.errors import HistoryError
from harness.report.boundary_map import draw_map, palette_of
from harness.report.lanes import draw_lanes
from harness.report.ledger import draw_ledger, read_ledger
from harness.report.model import CaseReport, RunReport, SystemReport, Verdict
from harness.report.timeline import counted_retriggers, read_timeline
from harness.report.workflows import in_words, workflow_cases

__all__ = ["interesting_cases", "render_html", "write_html"]

TEMPLATES = Path(__file__).parent / "templates"
MAX_PICTURED = 4
MAX_TABLE_ROWS = 1000
SYMBOLS = {
    Verdict.HOLDS: "✓",
    Verdict.VIOLATED: "✗",
    Verdict.INCONCLUSIVE: "?",
    Verdict.NOT_EXERCISED: "o",
    Verdict.ERROR: "!",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CasePage:
    """A case with its pictures. trouble: why there are none, where its history cannot be read."""

    case: CaseReport
    identity: str
    map: Markup | None = None
    lanes: Markup | None = None
    ledger: Markup | None = None
    left_out: str = ""
    trouble: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemPage:
    """A system with its map and its pictured cases; table: all its cases, the graver ones first."""

    system: SystemReport
    identity: str
    map: Markup | None
    cases: list[CasePage]
    table: list[CaseReport]


def write_html(run: RunReport, path: Path) -> Path:
    """Writes the page, making its folder where it is missing, and returns its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(render_html(run), encoding="utf-8")
    return path


def render_html(run: RunReport) -> str:
    """The whole page as text."""
    pages = [_system_page(system, place) for place, system in enumerate(run.systems, start=1)]
    script = (TEMPLATES / "report.js").read_text(encoding="utf-8")
    return (
        _environment()
        .get_template("report.html")
        .render(
            run=run,
            pages=pages,
            exit_code=run.exit_code,
            style=Markup((TEMPLATES / "report.css").read_text(encoding="utf-8")),  # ours, not a service's
            script=Markup(script),
            script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        )
    )


def interesting_cases(system: SystemReport) -> list[CaseReport]:
    """The cases worth a picture: one of each kind of violation, smallest plan first, more of them, one that holds."""
    violated = system.violated()
    first_of_kind = list({(c.findings[0].code, c.findings[0].boundary): c for c in reversed(violated)}.values())
    chosen = [*reversed(first_of_kind), *[case for case in violated if case not in first_of_kind]][:MAX_PICTURED]
    calm = [case for case in system.cases if not case.findings and (case.history or case.history_path)]
    holding = sorted(calm, key=lambda case: (case.outcome is not Verdict.HOLDS, -len(case.landed)))
    return chosen + holding[:1]


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters["symbol"] = lambda verdict: SYMBOLS[verdict]
    environment.globals["workflow_lines"] = in_words
    environment.globals["workflow_cases"] = workflow_cases
    environment.filters["slug"] = lambda verdict: verdict.value.lower().replace(" ", "-")
    return environment


def _system_page(system: SystemReport, place: int) -> SystemPage:
    identity = f"system-{place}"
    pictured = [_case_page(system, case, f"{identity}-case-{n}") for n, case in enumerate(interesting_cases(system), 1)]
    order = list(SYMBOLS)
    table = sorted(system.cases, key=lambda c: (c.outcome is Verdict.HOLDS, order.index(c.outcome)))
    return SystemPage(
        system=system, identity=identity, cases=pictured, table=table[:MAX_TABLE_ROWS],
        map=draw_map(f"{identity}-map", system) if system.nodes else None,
    )  # fmt: skip


def _case_page(system: SystemReport, case: CaseReport, identity: str) -> CasePage:
    try:
        history = case.read_history()
    except (HistoryError, OSError, ValueError, KeyError) as error:
        return CasePage(case=case, identity=identity, trouble=f"The history cannot be read: {error}")
    if history is None:
        return CasePage(case=case, identity=identity, trouble="No history was kept of this case.")
    timeline = read_timeline(system, case, history.events)
    again = counted_retriggers(system.nodes, history.events)
    effects = list(dict.fromkeys(effect for node in system.nodes for effect in node.effects))
    guilty = {finding.work for finding in case.findings}
    return CasePage(
        case=case,
        identity=identity,
        map=draw_map(f"{identity}-map", system, again) if again else None,
        lanes=draw_lanes(f"{identity}-lanes", timeline, palette_of(system)),
        ledger=draw_ledger(f"{identity}-ledger", read_ledger(history, effects), guilty),
        left_out=timeline.left_out,
    )
