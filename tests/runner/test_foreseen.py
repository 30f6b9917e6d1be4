"""What the runner foresees of a plan: the model's predictions, turned into nodes that may be invoked again."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.boundaries.faults import read_fault
from harness.boundaries.predict import predict
from harness.checks import Spread, Verdict
from harness.history import Kind
from harness.plans.gaps import plan_of, single
from harness.plans.model import parse_fault
from harness.runner.system import System, open_system
from tests.runner.rehearsal import rehearsing
from tests.runner.systems import INBOX

PATTERNS = Path(__file__).parents[2] / "patterns"


def system(name: str) -> System:
    return open_system(PATTERNS / name)


def foreseen(name: str, *faults: str) -> list[Spread]:
    """What is foreseen of these faults on a pattern."""
    declared = system(name)
    plan = plan_of(declared.manifest, *map(parse_fault, faults))
    return [spread for spread in declared.foreseen.spreads(plan) if spread.cause == "fault"]


def struck(name: str, fault: str) -> Spread:
    """What is foreseen for the work at whose point the fault strikes."""
    return next(spread for spread in foreseen(name, fault) if spread.is_about("w1"))


@pytest.mark.parametrize(
    ("pattern", "fault", "nodes"),
    [
        ("upstream_sync", "kill orders @recv reserve w1", {"orders"}),
        ("upstream_sync", "kill ledger @recv enter w1", {"orders", "payments", "ledger"}),
        ("caller_queue", "kill payments @recv charge w1", {"payments"}),
        ("caller_queue", "kill relay @recv charge w1", {"relay", "payments"}),
        ("callee_inbox", "kill worker @applied charge w1", {"payments"}),
        ("engine_dbos", "kill fy @recv b1 w1", {"Fy"}),
        ("engine_dbos", "kill fx @applied c w1", {"api", "Fx"}),
        ("callee_naive", "kill orders @answer w1", {"orders", "payments"}),
    ],
)
def test_a_fault_reaches_as_far_as_its_boundary(pattern: str, fault: str, nodes: set[str]) -> None:
    """And over hand-offs that may be set once more; no further."""
    assert set(struck(pattern, fault).nodes) == nodes


def test_whoever_is_killed_over_the_work_must_do_it_again() -> None:
    """Only where the very process dies that stands at the point; what others do then is left open."""
    assert struck("caller_queue", "kill payments @recv charge w1").must == ("payments",)
    assert struck("upstream_sync", "kill ledger @recv enter w1").must == ("orders", "payments", "ledger")
    assert struck("upstream_sync", "kill ledger @recv charge w1").must == ()


def test_a_link_that_stays_down_may_outlast_the_retries_of_the_caller() -> None:
    """Then the caller fails, and whoever owns it begins again; one lost message it repairs by itself."""
    at = "orders->payments @deliver payments w1"
    assert set(struck("upstream_retries", f"cut request {at}").nodes) == {"payments"}
    assert set(struck("upstream_retries", f"refuse {at} until detect").nodes) == {"orders", "payments"}


def test_other_works_may_be_anywhere_when_a_process_is_killed() -> None:
    """The point says where the one work is, and nothing of the others."""
    here, elsewhere = foreseen("upstream_sync", "kill orders @recv reserve w1")
    assert (here.work, elsewhere.others_than) == ("w1", "w1")
    assert set(elsewhere.nodes) == {"orders", "payments", "ledger"}


def test_with_two_faults_no_point_is_exact() -> None:
    """The second fault may find the work anywhere."""
    spreads = foreseen("upstream_sync", "kill orders @recv reserve w1", "kill ledger @recv enter w1")
    assert all(set(spread.nodes) == {"orders", "payments", "ledger"} for spread in spreads)


@pytest.mark.parametrize("pattern", ["callee_inbox", "callee_naive", "caller_queue", "engine_dbos", "upstream_sync"])
def test_what_must_happen_may_happen(pattern: str) -> None:
    """For every plan of one fault."""
    declared = system(pattern)
    spreads = [s for plan in single(declared.manifest) for s in declared.foreseen.spreads(plan)]
    assert all(set(spread.must) <= set(spread.nodes) for spread in spreads)


def test_a_head_that_is_invoked_again_takes_no_step_in_prediction_and_in_a_run(tmp_path: Path) -> None:
    """The answer of an inbox is lost: it gets the order twice, and nothing is attempted twice."""
    declared = INBOX.open(tmp_path)
    predicted = predict(declared.derived, read_fault("lose reply client->orders", declared.derived))
    assert (dict(predicted.must), dict(predicted.may), dict(predicted.attempts)) == ({"orders": 1}, {}, {})
    with rehearsing(declared) as rehearsal:
        judged = rehearsal.run("cut reply client->orders @deliver orders w1")
    drained = next(place for place, event in enumerate(judged.run.history) if event.kind is Kind.QUIET)
    before = [event for event in judged.run.history.events[:drained] if event.work == "w1"]
    assert [event.n for event in before if event.kind is Kind.DELIVER] == [1, 2]
    assert [event.n for event in before if event.kind is Kind.ATTEMPT] == [1]
    assert judged.verdict.verdicts["P6"].verdict is Verdict.HOLDS


def test_what_must_run_again_is_told_beside_what_was_seen(tmp_path: Path) -> None:
    """A must breaks nothing: not every node can be seen."""
    with rehearsing(INBOX.open(tmp_path)) as rehearsal:
        judged = rehearsal.run("kill worker @recv charge w1")
    assert "must again: payments; seen again: payments" in judged.verdict.verdicts["P6"].why
