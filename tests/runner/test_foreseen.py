"""What the runner foresees of a plan: the model's predictions, turned into nodes that may be invoked again."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.checks import Spread
from harness.plans.gaps import plan_of, single
from harness.plans.model import parse_fault
from harness.runner.system import System, open_system

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
