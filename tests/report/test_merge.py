"""Shards put together equal the whole, and what is no whole is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from harness.checks import Verdict
from harness.errors import UsageError
from harness.report.json import read_report, report_document, report_json
from harness.report.merge import merge
from harness.report.model import CaseReport, RunReport
from tests.report.samples import duplicate_case, inbox_system, keyed_case, run_of


def shard(number: int, of: int, *cases: CaseReport, **changes: object) -> RunReport:
    """One shard of a run."""
    landed = {"kill @applied": len(cases)}
    part = inbox_system(*cases, faults_landed=landed, **changes)  # type: ignore[arg-type]
    return run_of(part, shard=f"{number}/{of}", command=f"retrigger run X --shard {number}/{of} -n 2")


def test_shards_merged_have_all_cases_and_the_verdict_of_all() -> None:
    """Counts are added, and one violated case anywhere is a violation of the whole."""
    whole = merge([shard(1, 2, keyed_case("a"), keyed_case("b")), shard(2, 2, duplicate_case())])
    document = report_document(whole)
    assert (document["plans"], document["cases"], document["verdict"]) == (3, 3, "VIOLATED")
    assert document["faults_landed"] == {"kill @applied": 3}
    assert [violation["plan"] for violation in document["violations"]] == ["d1biDm"]
    assert (document["shard"], whole.command) == ("", "retrigger run X -n 2")


def test_the_order_of_the_shards_does_not_matter() -> None:
    """Artifacts come in any order."""
    parts = [shard(1, 2, keyed_case("a")), shard(2, 2, duplicate_case())]
    one, other = (report_document(merge(order)) for order in (parts, parts[::-1]))
    assert one | {"families": 0} == other | {"families": 0}


def test_a_shard_that_showed_nothing_takes_nothing_from_one_that_held() -> None:
    """As in one run: plans that did not land are named, and those that held count."""
    silent = replace(keyed_case("a"), outcome=Verdict.NOT_EXERCISED)
    whole = merge([shard(1, 2, silent, verdict=Verdict.NOT_EXERCISED), shard(2, 2, keyed_case("b"))])
    assert whole.verdict is Verdict.HOLDS


def test_planned_cases_that_were_not_run_are_added_up() -> None:
    """Each shard had a budget of its own."""
    parts = [
        shard(
            number,
            2,
            keyed_case(str(number)),
            plans=4,
            not_run=3,
            not_tested=("3 planned cases that were not run", "x"),
        )
        for number in (1, 2)
    ]
    assert merge(parts).systems[0].not_tested == ("6 planned cases that were not run", "x")


@pytest.mark.parametrize("numbers", [[1], [1, 1], [2], [1, 2, 2]])
def test_a_missing_or_repeated_shard_is_refused(numbers: list[int]) -> None:
    """A merged report that lacks a part would pass for the whole."""
    with pytest.raises(UsageError, match=r"is missing|is too many"):
        merge([shard(number, 2, keyed_case(str(number))) for number in numbers])


def test_reports_of_different_campaigns_are_refused() -> None:
    """Another seed draws other plans."""
    with pytest.raises(UsageError, match="their seeds differ"):
        merge([shard(1, 2, keyed_case()), replace(shard(2, 2, keyed_case()), seed=1)])


def test_a_json_report_carries_all_that_merging_and_drawing_needs(tmp_path: Path) -> None:
    """The histories of pictured cases travel inside, because their files stay behind on the other machine."""
    history = tmp_path / "h.jsonl"
    history.write_text(duplicate_case().history)
    case = replace(duplicate_case(), history="", history_path=str(history))
    path = tmp_path / "report.json"
    path.write_text(report_json(run_of(inbox_system(case))))
    history.unlink()
    [read] = read_report(path).systems[0].cases
    assert read.read_history() is not None


def test_a_file_that_is_no_report_is_named(tmp_path: Path) -> None:
    """Neither another JSON file nor a picture is taken for a report."""
    path = tmp_path / "other.json"
    for text in ("{}", "[]", "no json", json.dumps({"run": {"systems": 5}})):
        path.write_text(text)
        with pytest.raises(UsageError, match=r"other\.json is no JSON report of a run"):
            read_report(path)
