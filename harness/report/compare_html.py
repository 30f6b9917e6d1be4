"""A comparison as one self-contained page: a picture with a row for each fault and a column for each placement.

In each cell a line of time: when the fault struck, when something was first done again, when everything was done, and,
as a thick bar, how long the work stood partially complete. All cells have one scale, so that lengths can be compared.
"""

from __future__ import annotations

from collections.abc import Iterator

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from harness.report.compare import Cell, Comparison, Row
from harness.report.html import SYMBOLS, TEMPLATES
from harness.report.svg import clip, picture, tag, wrap

__all__ = ["comparison_html", "draw_comparison"]

LABEL_PX = 172
COLUMN_PX = 262
LINE_PX = 214
ROW_PX = 128
TOP_PX = 82
SMALL_PX = 12.0
LEAST_S = 0.2
"""Shortest scale, so that noise of some milliseconds does not fill a cell."""


def comparison_html(comparison: Comparison) -> str:
    """The whole page as text."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters["symbol"] = lambda verdict: SYMBOLS[verdict]
    environment.filters["slug"] = lambda verdict: verdict.value.lower().replace(" ", "-")
    style = Markup((TEMPLATES / "report.css").read_text(encoding="utf-8"))
    template = environment.get_template("compare.html")
    return template.render(comparison=comparison, picture=draw_comparison(comparison), style=style)


def draw_comparison(comparison: Comparison) -> Markup:
    """The picture alone."""
    rows = [row for row in comparison.rows if not all(cell.why_not for cell in row.cells)]
    longest_s = max([LEAST_S, *(t for row in rows for cell in row.cells for t in _times(cell))])
    width, height = LABEL_PX + COLUMN_PX * len(comparison.placements), TOP_PX + ROW_PX * len(rows) + 10
    names = ", ".join(placement.name for placement in comparison.placements)
    return picture(
        "comparison", f"{names} under the same faults", _described(rows), float(width), float(height),
        *_heads(comparison, longest_s),
        *[part for place, row in enumerate(rows) for part in _row(row, TOP_PX + ROW_PX * place, longest_s)],
    )  # fmt: skip


def _times(cell: Cell) -> list[float]:
    return [at_s for at_s in (cell.fault_s, cell.noticed_s, cell.completed_s) if at_s is not None]


def _described(rows: list[Row]) -> str:
    told = (
        f"{row.words}, {cell.placement}: "
        + (cell.why_not or f"{cell.spread} invocations added, partially complete for {cell.partial_s} seconds")
        for row in rows
        for cell in row.cells
    )
    return ". ".join(told) + "."


def _heads(comparison: Comparison, longest_s: float) -> Iterator[Markup]:
    for place, placement in enumerate(comparison.placements):
        x = LABEL_PX + COLUMN_PX * place
        yield tag("text", clip(placement.name, LINE_PX, 15), class_="strong", x=x, y=20)
        sizes = f"{placement.boundaries} boundaries, largest {placement.largest}" if placement.boundaries != 1 else (
            f"1 boundary of {placement.largest}"
        )  # fmt: skip
        yield tag("text", clip(sizes, COLUMN_PX - 10, SMALL_PX), class_="small muted", x=x, y=38)
        yield tag("text", f"an ok means {placement.ok_means}", class_="small muted", x=x, y=54)
        yield tag("text", "0", class_="small muted", x=x, y=74)
        yield tag("text", f"{longest_s:.1f} s", class_="small muted end", x=x + LINE_PX, y=74)


def _row(row: Row, y: float, longest_s: float) -> Iterator[Markup]:
    width = LABEL_PX + COLUMN_PX * len(row.cells)
    yield tag("path", class_="rule", d=f"M0 {y}H{width}")
    for line, text in enumerate(wrap(row.words, LABEL_PX - 20, 13, lines=4)):
        yield tag("text", text, class_="strong", x=0, y=y + 26 + 17 * line)
    for place, cell in enumerate(row.cells):
        yield tag("g", tag("title", f"{cell.placement}: {cell.why_not or cell.fault or 'no fault'}"),
                  *_cell(cell, LABEL_PX + COLUMN_PX * place, y, longest_s))  # fmt: skip


def _cell(cell: Cell, x: float, y: float, longest_s: float) -> Iterator[Markup]:
    if cell.why_not:
        for number, text in enumerate(wrap(cell.why_not, COLUMN_PX - 24, SMALL_PX, lines=4)):
            yield tag("text", text, class_="small muted", x=x, y=y + 30 + 16 * number)
        return
    yield from _line(cell, x, y + 24, longest_s)
    for number, (text, style) in enumerate(_words(cell)):
        yield tag("text", clip(text, COLUMN_PX - 14, SMALL_PX), class_=style, x=x, y=y + 54 + 17 * number)


def _line(cell: Cell, x: float, y: float, longest_s: float) -> Iterator[Markup]:
    def at(seconds: float) -> float:
        return x + LINE_PX * seconds / longest_s

    yield tag("path", class_="line-of-time", d=f"M{x:.1f} {y}H{x + LINE_PX:.1f}")
    if cell.completed_s is not None and cell.first_effect_s is not None:
        first, last = at(cell.first_effect_s), at(cell.completed_s)
        if cell.late_s is not None:
            usual = at(max(0.0, cell.completed_s - cell.late_s))
            yield tag("path", class_="usual", d=f"M{usual:.1f} {y - 10}V{y + 10}")
        yield tag("rect", class_="partial", x=first, y=y - 5, width=max(1.5, last - first), height=10, rx=2)
        shape = f"M{last:.1f} {y - 8}l8 8l-8 8l-8 -8z"
        yield (
            tag("path", class_="undone", d=shape) if cell.undone else tag("circle", class_="done", cx=last, cy=y, r=6)
        )
    if cell.spread:
        yield tag("text", f"+{cell.spread}", class_="spread", x=x + LINE_PX + 12, y=y + 5)
    if cell.noticed_s is not None:
        yield tag("path", class_="noticed", d=f"M{at(cell.noticed_s):.1f} {y - 8}l9 8l-9 8z")
    if cell.fault_s is not None:
        yield tag("path", class_="struck", d=f"M{at(cell.fault_s) - 6:.1f} {y - 6}l12 12m0 -12l-12 12")


def _words(cell: Cell) -> Iterator[tuple[str, str]]:
    """Up to four lines under the line of time."""
    done = "not done" if cell.completed_s is None else f"{'undone' if cell.undone else 'done'} {cell.completed_s:.2f} s"
    partial = "" if cell.partial_s is None else f", partial {cell.partial_s:.2f} s"
    bad = "" if cell.verdict.value == "HOLDS" else f" {cell.verdict.value}"
    yield f"{done}{partial}{bad}", "small strong" if not bad else "small strong bad"
    names = ", ".join(f"{node} +{count}" for node, count in cell.again.items())
    yield (f"again: {names}", "small strong") if names else ("nothing was done again", "small muted")
    if cell.redriver:
        where = f" in {cell.holder}" if cell.holder not in ("", "client") else ""
        yield f"by {cell.redriver}{where}", "small"
    tries = f", sent {cell.tries} times" if cell.tries > 1 else ""
    yield f"{cell.messages} messages{tries}", "small muted"
