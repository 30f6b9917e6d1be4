"""Placements side by side, from reports alone: figures, reasons, table and picture."""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace

import pytest
from rich.console import Console

from harness.checks.figures import Figures
from harness.errors import UsageError
from harness.plans.common import TERMS
from harness.report.compare import Cell, Comparison, compare
from harness.report.compare_html import comparison_html
from harness.report.compare_terminal import print_comparison
from harness.report.model import CaseReport, GraphEdge, RunReport, SystemReport, Verdict
from tests.report.samples import PROXY

CALM = Figures(
    work="w1",
    tries=1,
    outcome="ok",
    ok_means="done",
    first_effect_s=0.1,
    completed_s=0.3,
    invocations={"orders": 1, "payments": 1},
    requests=3,
)
HURT = replace(
    CALM,
    fault_s=0.2,
    noticed_s=0.5,
    completed_s=0.8,
    redriver='queue of "payments"',
    holder="broker",
    invocations={"orders": 1, "payments": 3},
    requests=5,
    ask=('queue of "payments", kept in broker',),
)


def system(name: str, hurt: Figures | None = HURT, verdict: Verdict = Verdict.HOLDS) -> SystemReport:
    """A system with a run without faults and one in which the worker was killed."""
    killed = CaseReport(plan="p1", faults=("kill payments @recv charge w1",), outcome=verdict, figures=hurt)
    return SystemReport(
        name=name,
        path="x",
        verdict=verdict,
        edges=(GraphEdge(source="orders", target="payments", awaits=False, trigger="caller queue"),),
        cases=(CaseReport(plan="p0", figures=CALM), killed),
        terms={"before_effect": "p1", "store_killed": "- it has none", "refused": "p9"},
    )


def comparison(*systems: SystemReport) -> Comparison:
    """Of one run."""
    return compare([RunReport(tool_version="0", toxiproxy=PROXY, systems=systems)])


def cell(of: Comparison, term: str, place: int = 0) -> Cell:
    """The cell of a fault and a placement."""
    return next(row for row in of.rows if row.name == term).cells[place]


def test_what_a_fault_added_is_counted_from_the_run_without_faults() -> None:
    """Invocations, seconds and messages beyond the calm run."""
    found = cell(comparison(system("one"), system("two")), "before_effect")
    assert found.again == {"payments": 2}
    assert found.spread == 2
    assert (found.detect_s, found.late_s, found.partial_s) == (0.3, 0.5, 0.7)
    assert found.messages == 5 + 1 + 3  # requests, one publish, a delivery for each invocation


def test_a_node_that_only_a_fault_calls_for_may_be_invoked_once() -> None:
    """A compensation is no repetition."""
    undone = replace(HURT, invocations={"orders": 1, "payments": 1, "refunds": 1})
    assert cell(comparison(system("one", undone), system("two")), "before_effect").again == {}


def test_what_cannot_be_told_says_why() -> None:
    """A term that means nothing there, one that was not run, one whose fault did not land."""
    found = comparison(system("one"), system("two", verdict=Verdict.NOT_EXERCISED))
    assert cell(found, "store_killed").why_not == "it has none"
    assert cell(found, "refused").why_not == "not in this report"
    assert cell(found, "before_effect", 1).why_not.startswith("NOT EXERCISED")
    assert "not known" in cell(found, "answer_lost").why_not


@pytest.mark.parametrize(
    ("systems", "said"),
    [
        ((system("one"),), "one system alone"),
        ((system("one"), replace(system("old"), terms={})), "old cannot be compared"),
        ((system("one"), replace(system("blind"), cases=())), "blind cannot be compared"),
    ],
)
def test_what_cannot_be_compared_is_a_usage_error(systems: tuple[SystemReport, ...], said: str) -> None:
    """It names the report, and the command that writes a better one."""
    with pytest.raises(UsageError, match=said):
        comparison(*systems)


def test_terminal_shows_every_question_with_a_column_for_each_placement() -> None:
    """The figures that a reader compares stand in the tables; an empty cell has its reason below."""
    text = io.StringIO()
    print_comparison(comparison(system("one"), system("two", replace(HURT, completed_s=None))), Console(file=text))
    shown = text.getvalue()
    assert "2: payments +2" in shown
    assert 'queue of "payments", in broker' in shown
    assert "0.30  0.80  0.70" in shown
    assert "NOT done" in shown
    assert "it has none (one, two)" in shown


def test_a_cell_that_does_not_hold_says_so_in_the_table_and_in_the_picture() -> None:
    """A violated case is never shown as if it were only slow."""
    found = comparison(system("one"), system("two", verdict=Verdict.VIOLATED))
    text = io.StringIO()
    print_comparison(found, Console(file=text))
    assert "VIOLATED" in text.getvalue()
    assert "VIOLATED" in comparison_html(found)


def test_the_page_needs_nothing_but_itself() -> None:
    """No address, no script; what comes from a manifest is escaped."""
    page = comparison_html(comparison(replace(system("one"), about="<script>alert(1)</script>"), system("two")))
    assert "<script" not in page
    assert not re.search(r"(src|href)=", page)
    assert "http" not in page.replace('http-equiv="Content-Security-Policy"', "")
    assert page.count('class="done"') >= 4


def test_json_has_a_cell_for_each_fault_and_placement() -> None:
    """The document is plain data, and says why where there is nothing."""
    document = json.loads(json.dumps(comparison(system("one"), system("two")).document()))
    assert [row["name"] for row in document["faults"]] == ["none", *(term.name for term in TERMS)]
    assert all(len(row["cells"]) == 2 for row in document["faults"])
    hurt = next(row for row in document["faults"] if row["name"] == "before_effect")["cells"][0]
    assert (hurt["spread"], hurt["redriver"], hurt["verdict"]) == (2, 'queue of "payments"', "HOLDS")
