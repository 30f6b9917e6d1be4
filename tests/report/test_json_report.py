"""The report that machines read keeps its keys, and says nothing that the run did not."""

from __future__ import annotations

import json

from harness.checks import Verdict
from harness.report.json import report_document, report_json
from harness.report.model import GapReport, RunReport, exit_code
from tests.report.samples import (
    demo_run,
    duplicate_case,
    inbox_system,
    keyed_case,
    naive_system,
    queue_system,
    run_of,
)

KEYS = [
    "verdict", "plans", "cases", "seconds", "cases_per_min", "toxiproxy", "violations", "faults_landed",
    "not_exercised", "not_tested",
]  # fmt: skip
VIOLATION_KEYS = ["code", "property", "boundary", "work", "plan", "faults", "witness"]


def test_one_system_is_reported_under_the_agreed_keys_in_order() -> None:
    """The agreed keys come first and in order; whatever is new follows them."""
    document = json.loads(report_json(run_of(inbox_system(duplicate_case(), keyed_case()))))
    assert list(document)[: len(KEYS)] == KEYS
    assert (document["verdict"], document["plans"], document["cases"]) == ("VIOLATED", 2, 2)
    assert document["cases_per_min"] == 40.0
    assert document["toxiproxy"] == {"version": "2.12.0", "origin": "go install", "real": True}


def test_a_violation_carries_its_plan_its_faults_and_its_witness() -> None:
    """Enough to replay it and to understand it without any other file."""
    [violation] = report_document(run_of(inbox_system(duplicate_case(), keyed_case())))["violations"]
    assert list(violation)[: len(VIOLATION_KEYS)] == VIOLATION_KEYS
    assert (violation["code"], violation["property"], violation["work"]) == ("RT102", "P2", "w7")
    assert (violation["plan"], violation["faults"]) == ("d1biDm", ["kill worker @applied charge w7"])
    assert violation["witness"][2].startswith("KILL worker")


def test_what_was_not_exercised_says_why() -> None:
    """A plan whose faults did not land is named with its reason."""
    document = report_document(run_of(queue_system()))
    assert document["not_exercised"] == [
        {"plan": "zz9", "faults": ["kill relay @published w1 #3"], "why": "only two publishes happened"}
    ]


def test_each_gap_says_what_hit_it_or_why_nothing_did() -> None:
    """In the document, and in what reports are merged from."""
    gaps = (GapReport(gap="@recv charge", hits={"kill": 2}), GapReport(gap="@quiet", why="not in --explore core"))
    run = run_of(inbox_system(gaps=gaps))
    assert report_document(run)["gaps"] == [
        {"gap": "@recv charge", "hits": {"kill": 2}, "why": ""},
        {"gap": "@quiet", "hits": {}, "why": "not in --explore core"},
    ]
    assert RunReport.from_json(run.to_json()).systems[0].gaps == gaps


def test_several_systems_stand_in_a_list_under_one_verdict() -> None:
    """Each has the same keys as alone; an announced violation does not spoil the whole."""
    document = report_document(demo_run())
    assert document["verdict"] == "HOLDS"
    assert [list(system)[: len(KEYS)] for system in document["systems"]] == [KEYS] * 4
    assert {s["system"]: s["verdict"] for s in document["systems"]}["callee-naive"] == "VIOLATED"


def test_an_announced_violation_stays_a_violation_where_the_system_runs_alone() -> None:
    """What a manifest announces never changes its verdict or exit code."""
    run = run_of(naive_system())
    assert (run.verdict, exit_code(run.verdict)) == (Verdict.VIOLATED, 1)


def test_a_violation_that_was_announced_and_not_found_makes_the_others_worthless() -> None:
    """A harness that misses a known bug has shown nothing: inconclusive, exit 3."""
    run = run_of(queue_system(), inbox_system(keyed_case(), expect=Verdict.VIOLATED))
    assert (run.verdict, exit_code(run.verdict)) == (Verdict.INCONCLUSIVE, 3)


def test_an_error_of_the_harness_outweighs_a_violation() -> None:
    """Exit 4 wherever the harness failed, because then nothing else is known."""
    run = run_of(inbox_system(duplicate_case()), queue_system(), inbox_system(verdict=Verdict.ERROR))
    assert exit_code(run.verdict) == 4


def test_a_report_survives_the_way_through_a_file() -> None:
    """Workers send reports as JSON; nothing is lost on the way."""
    run = demo_run()
    assert RunReport.from_json(run.to_json()) == run
