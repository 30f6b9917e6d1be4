"""The page: all rows, pictures, what differs, and nothing that a name could break out of."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.truth.command import tables_here
from harness.truth.page import write_page
from harness.truth.record import as_json
from harness.truth.rows import RowResult
from harness.truth.session import read_tables
from harness.truth.table import Table

RESULT = RowResult(
    figure="5",
    pattern="figure_5",
    variant="log",
    fault="B after publish",
    plan=("kill B @recv D.w w1",),
    predicted="A B D",
    observed="A B D",
    model="",
    runs=20,
    as_predicted=20,
    equal=True,
    seconds=1.23456,
)


@pytest.fixture
def figure_5() -> Table:
    """A table with two variants."""
    [table] = read_tables([folder for folder in tables_here() if folder.endswith("figure_5")])
    return table


def page_of(table: Table, folder: Path, *results: RowResult) -> str:
    """The page of some results."""
    write_page([table], results, folder / "new" / "truth.html")
    return (folder / "new" / "truth.html").read_text(encoding="utf-8")


def test_the_page_sets_prediction_beside_observation_under_the_picture(figure_5: Table, tmp_path: Path) -> None:
    """Of one row: its words, its plan, both sides, how often, and the boundaries of the figure."""
    page = page_of(figure_5, tmp_path, RESULT)
    assert "1 of 1 rows as predicted" in page
    for text in ("B after publish", "kill B @recv D.w w1", "20 of 20", "queue:D: D", "human:A: A B C E", "<svg"):
        assert text in page


def test_a_row_that_differs_stands_out(figure_5: Table, tmp_path: Path) -> None:
    """What was seen, how often it was as predicted, and what the model says instead."""
    wrong = replace(RESULT, observed="A B (1 of 20)", as_predicted=19, equal=False, model="the model says A")
    page = page_of(figure_5, tmp_path, RESULT, wrong)
    assert "1 of 2 rows as predicted" in page
    for text in ("not equal", "19 of 20", "the model says A"):
        assert text in page


def test_what_comes_from_elsewhere_is_escaped(figure_5: Table, tmp_path: Path) -> None:
    """A row's words are text, whatever they look like."""
    page = page_of(figure_5, tmp_path, replace(RESULT, fault="<script>alert(1)</script>"))
    assert "<script" not in page


def test_the_record_has_the_seven_keys() -> None:
    """And more, for whoever wants to run the row again."""
    [row] = as_json([RESULT])["rows"]
    assert {key: row[key] for key in ("figure", "pattern", "fault", "predicted", "observed", "runs", "equal")} == {
        "figure": "5",
        "pattern": "figure_5",
        "fault": "B after publish",
        "predicted": "A B D",
        "observed": "A B D",
        "runs": 20,
        "equal": True,
    }
    assert (row["variant"], row["plan"], row["seconds"]) == ("log", ("kill B @recv D.w w1",), 1.235)
