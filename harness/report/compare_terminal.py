"""A comparison for a terminal: one small table for each question, a row for each fault, a column for each placement."""

from __future__ import annotations

from collections.abc import Callable

from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.checks.verdict import Verdict
from harness.report.compare import Cell, Comparison
from harness.report.terminal import clean

__all__ = ["print_comparison"]

NARROWEST = 100


def print_comparison(comparison: Comparison, console: Console | None = None) -> None:
    """Prints all tables; a terminal that is narrower than they are folds their cells."""
    console = console or Console(highlight=False)
    if not console.is_terminal:
        console = Console(file=console.file, width=NARROWEST, highlight=False, color_system=None)
    console.print(_placements(comparison))
    for title, told in QUESTIONS:
        if any(told(cell) for row in comparison.rows for cell in row.cells if not cell.why_not):
            console.print()
            console.print(Text(title, style="bold"))
            console.print(_answers(comparison, told))
    _print_reasons(comparison, console)


def _placements(comparison: Comparison) -> Table:
    table = Table("placement", "verdict", "boundaries", "an ok means", "business process", box=None, pad_edge=False)
    for each in comparison.placements:
        size = f"{each.boundaries}, largest {each.largest}"
        cells = (each.name, each.verdict.value, size, each.ok_means, "; ".join(each.workflows) or "none declared")
        table.add_row(*(Text(clean(text)) for text in cells))
    return table


def _answers(comparison: Comparison, told: Callable[[Cell], str]) -> Table:
    table = Table("", *(each.name for each in comparison.placements), box=None, pad_edge=False)
    for row in comparison.rows:
        if all(cell.why_not for cell in row.cells):
            continue
        table.add_row(Text(row.words), *(Text(clean("-" if c.why_not else _marked(c, told(c)))) for c in row.cells))
    return table


def _marked(cell: Cell, text: str) -> str:
    return text if cell.verdict is Verdict.HOLDS else f"{text} ({cell.verdict.value})".strip()


def _print_reasons(comparison: Comparison, console: Console) -> None:
    """Why a cell is empty, each reason once."""
    reasons: dict[tuple[str, str], list[str]] = {}
    for row in comparison.rows:
        for cell in row.cells:
            if cell.why_not:
                reasons.setdefault((row.words, cell.why_not), []).append(cell.placement)
    if reasons:
        console.print()
    for (words, why), placements in reasons.items():
        console.print(Text(clean(f"- {words}: {why} ({', '.join(placements)})")))


def _spread(cell: Cell) -> str:
    nodes = ", ".join(f"{node} +{count}" for node, count in cell.again.items())
    return f"{cell.spread}: {nodes}" if nodes else "0"


def _driver(cell: Cell) -> str:
    if not cell.redriver:
        return "nothing was done again"
    return f"{cell.redriver}, in {cell.holder}" if cell.holder not in ("", "client") else cell.redriver


def _times(cell: Cell) -> str:
    return f"{_s(cell.detect_s)}  {_s(cell.completed_s)}  {_s(cell.partial_s)}"


def _s(seconds: float | None) -> str:
    return "   -" if seconds is None else f"{seconds:4.2f}"


def _cost(cell: Cell) -> str:
    end = "undone" if cell.undone else "done" if cell.completed_s is not None else "NOT done"
    return f"{cell.messages} messages, {cell.tries} {'try' if cell.tries == 1 else 'tries'}, {cell.outcome}; {end}"


QUESTIONS: tuple[tuple[str, Callable[[Cell], str]], ...] = (
    ("How far it spread: invocations beyond those without a fault, as far as they can be seen", _spread),
    ("Who drove it again, and where to look", _driver),
    ("Seconds: from the fault to the first thing done again, to everything done, partially complete", _times),
    ("What it cost, and what the caller had to do and knew", _cost),
    ("Whom to ask about what was unfinished when the fault struck", lambda cell: "; ".join(cell.ask)),
)
"""Each with what a cell answers."""
