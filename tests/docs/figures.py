"""The tables of `docs/figures.md`: what each pattern's `table.toml` predicts, a column for each variant."""

from __future__ import annotations

from pathlib import Path

from harness.truth.outcome import expected
from harness.truth.table import read_table
from harness.truth.variants import systems_of

__all__ = ["figure_table"]


def figure_table(folder: str) -> str:
    """The table of one pattern in Markdown; a dash where a row is not run in a variant."""
    table = read_table(Path(folder))
    systems = systems_of(table)
    said = {(row.fault, row.variant): str(expected(row, systems[row.variant])) for row in table.rows}
    columns = ["fault", *(name or "what comes of it" for name in table.variants)]
    lines = [columns, ["---"] * len(columns)]
    for fault in dict.fromkeys(row.fault for row in table.rows):
        lines.append([fault, *(said.get((fault, variant), "-") for variant in table.variants)])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"
