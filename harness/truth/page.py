"""The page that sets prediction beside observation: every row of every table, and the picture of each figure.

One HTML file that needs nothing but itself, in the style of the reports: no network, no scripts, everything escaped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from harness.checks import Verdict
from harness.report.boundary_map import draw_map
from harness.report.gather import boundaries_of, edges_of, nodes_of
from harness.report.html import TEMPLATES
from harness.report.model import SystemReport
from harness.runner.system import System
from harness.truth.rows import RowResult
from harness.truth.table import Table
from harness.truth.variants import systems_of

__all__ = ["write_page"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """One pattern on the page. boundaries: each in words. identity: of its heading."""

    table: Table
    identity: str
    about: str
    map: Markup
    boundaries: tuple[str, ...]
    unowned: tuple[str, ...]
    rows: tuple[RowResult, ...]

    @property
    def equal(self) -> int:
        """How many of its rows are as predicted."""
        return sum(row.equal for row in self.rows)


def write_page(tables: Sequence[Table], results: Sequence[RowResult], path: Path) -> None:
    """Writes the page, making its folder where it is missing."""
    pictures = [_picture(table, place, results) for place, table in enumerate(tables, start=1)]
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    style = Markup((TEMPLATES / "report.css").read_text(encoding="utf-8"))  # ours, not a service's
    page = environment.get_template("truth.html").render(
        pictures=pictures, style=style, rows=len(results), equal=sum(row.equal for row in results)
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page, encoding="utf-8")


def _picture(table: Table, place: int, results: Sequence[RowResult]) -> Picture:
    system = next(iter(systems_of(table).values()))
    return Picture(
        table=table,
        identity=f"figure-{place}",
        about=system.manifest.about,
        map=draw_map(f"figure-{place}-map", _drawn(system)),
        boundaries=tuple(f"{each.name}: {' '.join(each.nodes)}" for each in system.derived.boundaries),
        unowned=system.derived.unowned,
        rows=tuple(result for result in results if result.pattern == table.pattern),
    )


def _drawn(system: System) -> SystemReport:
    """What the boundary map needs to know of a system."""
    derived = system.derived
    return SystemReport(
        name=system.manifest.name,
        path=str(system.manifest.path),
        verdict=Verdict.HOLDS,
        nodes=nodes_of(derived),
        edges=edges_of(derived),
        boundaries=boundaries_of(derived),
        unowned=derived.unowned,
    )
