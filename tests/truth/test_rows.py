"""Rows in action: some of each figure, run once; and what becomes of a row that is not so."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

import patterns
from harness.network import find_server
from harness.runner.stage import Stage
from harness.truth.command import truth
from harness.truth.rows import RowResult, RowRunner
from harness.truth.table import Count, Row, read_table
from harness.truth.variants import systems_of

FOLDER = Path(patterns.__file__).parent
SOME = {
    ("figure_2_callee", ""): ["callee fails twice"],
    ("figure_3", ""): ["D before w"],
    ("figure_4", "inbox"): ["B after D returned", "F anywhere: before w"],
    ("figure_4", "in_situ"): ["F before w, one in-situ retry per call"],
    ("figure_4_early_ack", ""): ["D killed before its ack is seen", "D killed after its ack, before w"],
    ("figure_5", "log"): ["B after publish, hand-off not logged", "A after B returned, logged"],
    ("figure_6", "reexec"): ["A after publish to B"],
    ("figure_7", ""): ["B#D after passing on", "C#F before w"],
}


def run_rows(pattern: str, variant: str, rows: Sequence[Row], runs: int = 1) -> list[RowResult]:
    """Runs rows on one variant of a pattern, in a stage of their own."""
    table = read_table(FOLDER / pattern)
    system = systems_of(table)[variant]

    async def run() -> list[RowResult]:
        async with Stage(find_server(), [system]) as stage:
            runner = RowRunner(stage)
            return [await runner.run(table.figure, pattern, system, row, runs) for row in rows]

    return asyncio.run(run())


def rows_of(pattern: str, variant: str, words: str = "") -> list[Row]:
    """The rows of a pattern that are run in this variant, with these words."""
    return [row for row in read_table(FOLDER / pattern).rows if row.variant == variant and words in row.fault]


@pytest.mark.parametrize(("pattern", "variant"), SOME, ids=lambda part: part or "plain")
def test_what_is_observed_is_what_was_predicted(pattern: str, variant: str) -> None:
    """Real services, real faults, counted by taps and partner."""
    rows = [row for row in rows_of(pattern, variant) if row.fault in SOME[pattern, variant]]
    assert len(rows) == len(SOME[pattern, variant])
    results = run_rows(pattern, variant, rows)
    assert [(r.fault, r.observed, r.equal) for r in results] == [(r.fault, r.predicted, True) for r in results]


def test_a_row_that_is_not_so_is_not_equal_and_says_what_was_seen() -> None:
    """A wrong number, a fault that never lands, and a model that disagrees: none of them passes."""
    [row] = rows_of("figure_2_upstream", "plain", "the answer lost")
    nobody = replace(row, again={}, invocations=None, attempts=None, predict=())
    never = replace(row, plan=tuple(replace(fault, point=replace(fault.point, n=7)) for fault in row.plan))
    other = replace(row, predict=("crash caller before w",), again={"caller": Count.exactly(1)})
    wrong, missed, unlike = run_rows("figure_2_upstream", "plain", [nobody, never, other], runs=2)
    assert (wrong.predicted, wrong.observed, wrong.as_predicted, wrong.equal) == ("nobody", "caller callee", 0, False)
    assert missed.observed.startswith("did not land: cut reply caller->callee")
    assert not missed.equal
    assert not unlike.equal


def test_the_command_writes_record_and_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One row, twice, in a worker of its own: the exit code, the seven keys, and the page with the picture."""
    out = tmp_path / "truth.json"
    assert truth(["figure_2_upstream"], runs=2, workers="1", out=out, row="two in-situ") == 0
    rows = json.loads(out.read_text(encoding="utf-8"))["rows"]
    assert [row["fault"] for row in rows] == [
        "callee fails twice, two in-situ retries",
        "the answer lost, two in-situ retries",
    ]
    for row in rows:
        assert {"figure", "pattern", "fault", "predicted", "observed", "runs", "equal"} <= set(row)
        assert (row["figure"], row["pattern"], row["runs"], row["equal"]) == ("2", "figure_2_upstream", 2, True)
        assert row["predicted"] == row["observed"]
    page = out.with_suffix(".html").read_text(encoding="utf-8")
    assert "2 of 2 rows as predicted" in page
    assert "Boundary map of figure_2_upstream-plain" in page
    assert "2 of 2 rows as predicted" in capsys.readouterr().out
