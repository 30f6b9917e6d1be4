"""Cases as a table of families and properties: the form in which failures are known, counted and handed to machines."""

from __future__ import annotations

import json
from dataclasses import replace
from xml.etree import ElementTree as Xml

import pytest

from harness.checks import Verdict
from harness.report.conformance import badge_svg, conformance_document, refusals
from harness.report.families import cell_of, cells_of
from harness.report.junit import junit_text
from harness.report.lines import lines_text
from harness.report.markdown import markdown_text
from harness.report.model import CaseReport, KnownFailure, RunReport, SystemReport
from tests.report.samples import PROXY, duplicate_case, inbox_system, keyed_case, run_of

HELD = {"P1b": Verdict.HOLDS, "P2": Verdict.HOLDS, "P3": Verdict.HOLDS, "P16": Verdict.HOLDS}
KNOWN = KnownFailure(property="P2", family="kill @applied", reason="no key until release 7", plans=("d1biDm",))


def held(plan: str = "k3yed1", family: str = "kill @applied", **changes: object) -> CaseReport:
    """A case in which everything that was put to the test held."""
    facts = {"family": family, "properties": {**HELD, "P5": Verdict.NOT_EXERCISED}} | changes
    return replace(keyed_case(plan), **facts)


def broken(plan: str = "d1biDm") -> CaseReport:
    """A case with a duplicate effect."""
    properties = {**HELD, "P2": Verdict.VIOLATED}
    return replace(duplicate_case(), plan=plan, family="kill @applied", properties=properties)


def system(*cases: CaseReport, **changes: object) -> SystemReport:
    """A system with these cases, all of them core."""
    facts = {"core": tuple(case.plan for case in cases), "level": "L3", "claimed": ("P2", "P5"), "placement": "callee"}
    return inbox_system(*cases, **(facts | changes))


def test_one_violated_case_decides_for_its_family_and_no_other() -> None:
    """A family is as good as its worst case; its neighbours do not suffer."""
    cells = cells_of(system(held("a", "kill @recv"), held("b"), broken()))
    found = {(cell.family, cell.property_id): cell.verdict for cell in cells}
    assert found["kill @applied", "P2"] is Verdict.VIOLATED
    assert found["kill @applied", "P1b"] is Verdict.HOLDS
    assert found["kill @recv", "P2"] is Verdict.HOLDS
    assert found["kill @recv", "P5"] is Verdict.NOT_EXERCISED


def test_undecided_is_never_hidden_behind_a_case_that_held() -> None:
    """A slow case next to a good one leaves the family inconclusive."""
    slow = held("s", properties=HELD | {"P1b": Verdict.INCONCLUSIVE}, outcome=Verdict.INCONCLUSIVE)
    assert cell_of([held(), slow], "kill @applied", "P1b").verdict is Verdict.INCONCLUSIVE


def test_an_error_of_the_harness_decides_for_every_property_of_the_family() -> None:
    """Where the harness failed nothing is known."""
    failed = held("e", outcome=Verdict.ERROR, error="the port never answered", properties={})
    assert cell_of([held(), failed], "kill @applied", "P2").verdict is Verdict.ERROR


def test_a_known_failure_is_set_aside_and_still_called_a_violation() -> None:
    """The verdict stays; only the exit code forgives."""
    run = run_of(system(held(), broken(), baseline=(KNOWN,)))
    assert (run.verdict, run.exit_code) == (Verdict.VIOLATED, 0)
    assert run_of(system(held(), broken())).exit_code == 1


def test_a_failure_beside_a_known_one_is_not_forgiven() -> None:
    """The same case also loses work: that is new."""
    worse = replace(broken(), properties=HELD | {"P2": Verdict.VIOLATED, "P1b": Verdict.VIOLATED})
    assert run_of(system(worse, baseline=(KNOWN,))).exit_code == 1


def test_an_entry_that_nothing_fails_any_more_is_stale_and_fails() -> None:
    """A list of excuses does not outlive what it excuses."""
    report = system(held("d1biDm"), baseline=(KNOWN,))
    assert report.stale == (KNOWN,)
    assert (run_of(report).verdict, run_of(report).exit_code) == (Verdict.HOLDS, 1)


@pytest.mark.parametrize(
    "case", [held("another"), held("d1biDm", outcome=Verdict.INCONCLUSIVE), held("d1biDm", family="kill @recv")]
)
def test_an_entry_is_not_stale_before_all_its_plans_were_shown_to_hold(case: CaseReport) -> None:
    """A shard that did not run the failing plan, or a slow case, proves nothing about the entry."""
    assert KNOWN.state([case]) == "not run"


def test_what_is_claimed_and_never_put_to_the_test_is_said() -> None:
    """P5 needs a lost answer; without one nothing is known of it."""
    assert system(held()).silent == ("P5",)


def test_junit_has_a_test_case_for_each_property_of_each_family() -> None:
    """Failures carry the witness; what was not exercised is skipped."""
    run = run_of(system(held("a", "kill @recv"), broken()))
    suite = Xml.fromstring(junit_text(run)).find("testsuite")
    assert suite is not None
    cases = {case.attrib["name"]: case for case in suite.iter("testcase")}
    failure = cases["kill @applied: P2"].find("failure")
    assert failure is not None
    assert "KILL worker" in str(failure.text)
    assert "retrigger replay d1biDm" in str(failure.text)
    assert cases["kill @recv: P5"].find("skipped") is not None
    assert suite.attrib["failures"] == "1"
    assert len(cases) == int(suite.attrib["tests"])


def test_junit_skips_a_known_failure_with_its_reason_and_fails_a_stale_entry() -> None:
    """The reason is what a reader of the job sees."""
    known = Xml.fromstring(junit_text(run_of(system(broken(), baseline=(KNOWN,)))))
    assert [skip.attrib["message"] for skip in known.iter("skipped")] == ["known: no key until release 7"]
    stale = Xml.fromstring(junit_text(run_of(system(held("d1biDm"), baseline=(KNOWN,)))))
    assert [failure.attrib["message"] for failure in stale.iter("failure")] == [
        "stale: it holds now; delete this entry"
    ]


def test_junit_survives_characters_that_xml_does_not_have() -> None:
    """A service may print anything."""
    case = replace(broken(), findings=(replace(broken().findings[0], summary="\x00\x1b[2J<&\ud800"),))
    assert "<&" in "".join(Xml.fromstring(junit_text(run_of(system(case)))).itertext())


def test_markdown_tells_each_kind_of_violation_once_and_shows_the_table() -> None:
    """A reader of a pull request sees what broke, where, and how to replay it."""
    text = markdown_text(run_of(system(held("a", "kill @recv"), broken(), broken("other"))))
    assert text.startswith("# VIOLATED: callee-inbox\n")
    assert r"| kill \@applied | 2 | ok | **VIOLATED** |" in text
    assert text.count("```text") == 1
    assert "and 1 more violated plan" in text
    assert "flowchart LR" in text


def test_markdown_obeys_nothing_that_a_service_says() -> None:
    """No markup, no HTML, no code fence is taken over."""
    name = "x|y\n# <img src=x> ```\n@everyone"
    case = replace(broken(), family=name, findings=(replace(broken().findings[0], summary=name, boundary=name),))
    text = markdown_text(run_of(system(case, about=name, not_tested=(name,), faults_landed={name: 1})))
    outside = "".join(part for place, part in enumerate(text.split("```")) if place % 2 == 0)
    assert "<img" not in outside.replace(r"\<img", "")
    assert "\n# \\<" not in text
    assert "@everyone" not in outside.replace(r"\@everyone", "")


def test_json_lines_have_a_type_each_and_end_with_the_verdict() -> None:
    """A tool reads line by line, and knows that a file without an end is not whole."""
    lines = [json.loads(line) for line in lines_text(run_of(system(held(), broken()))).splitlines()]
    assert [line["type"] for line in lines] == ["run", "case", "case", "system", "end"]
    assert lines[2]["properties"]["P2"] == "VIOLATED"
    assert lines[-1]["exit_code"] == 1


def test_a_badge_says_no_more_than_was_seen() -> None:
    """Granted where all core plans were run and all core properties put to the test."""
    run = run_of(system(held()))
    assert refusals(run) == []
    assert "callee@1 L3 holds" in badge_svg(run)
    assert conformance_document(run)["implementations"][0]["badge"] == "granted"
    assert "violated" in badge_svg(run_of(system(broken(), held())))


@pytest.mark.parametrize(
    ("run", "why"),
    [
        (run_of(system(held(), core=("k3yed1", "skipped"))), "core plans were not run or showed nothing: skipped"),
        (run_of(system(held(outcome=Verdict.NOT_EXERCISED))), "core plans were not run or showed nothing"),
        (run_of(system(held(properties={"P2": Verdict.HOLDS}))), "P1b, P3, P16"),
        (run_of(system(held()), shard="1/2"), "only shard 1/2"),
        (run_of(system(held()), toxiproxy=replace(PROXY, real=False)), "stand-in"),
    ],
)
def test_a_badge_is_refused_where_a_core_check_was_skipped(run: RunReport, why: str) -> None:
    """It would say more than was seen."""
    assert why in "\n".join(refusals(run))
