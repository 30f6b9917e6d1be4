"""Several faults at once: the list worth having, and the pairs that one owner answers for."""

from __future__ import annotations

from collections import Counter
from functools import cache
from pathlib import Path

import pytest

import patterns
from harness.manifest.load import load
from harness.manifest.model import Manifest
from harness.plans.aim import check_aim
from harness.plans.compound import compound, pairs
from harness.plans.gaps import single
from harness.plans.model import Plan, parse_fault

FOLDER = Path(patterns.__file__).parent
NAMES = ("callee_inbox", "caller_queue", "engine_dbos", "upstream_sync")


@cache
def manifest(name: str) -> Manifest:
    """The manifest of a pattern."""
    return load(FOLDER / name)


def words(found: list[Plan]) -> list[str]:
    """Plans in words."""
    return [str(plan) for plan in found]


@pytest.mark.parametrize("enumeration", [compound, pairs])
@pytest.mark.parametrize("name", NAMES)
def test_every_combination_can_be_run_and_comes_once(name: str, enumeration: type) -> None:
    """Aimed at what the system has, told apart by its id, and written as it is read."""
    found = enumeration(manifest(name))
    assert found
    assert max(Counter(plan.id for plan in found).values()) == 1
    for plan in found:
        check_aim(manifest(name), plan)
        assert tuple(parse_fault(str(fault)) for fault in plan.faults) == plan.faults
        assert len({(fault.point, fault.target) for fault in plan.faults}) == len(plan.faults)


def test_the_worker_dies_again_while_it_recovers_the_same_work() -> None:
    """At the second attempt, while it starts, after it was heard, and until one attempt is left."""
    found = words(compound(manifest("callee_inbox")))
    for then in ("kill worker @recv charge w1 #2", "kill worker @ready worker #2"):
        assert f"kill worker @recv charge w1 + {then}" in found
    assert "kill worker @applied charge w1 + kill worker @recv charge w1 #2" in found
    assert "cut reply worker->world @recv charge w1 + kill worker @recv charge w1 #2" in found
    assert " + ".join(f"kill worker @recv charge w1{n}" for n in ("", " #2", " #3")) in found


def test_whoever_would_repeat_dies_with_the_leaf() -> None:
    """In a chain of awaiting calls all who wait are killed, and the two ends of it alone."""
    found = words(compound(manifest("upstream_sync")))
    at = "@recv enter w1"
    assert f"kill ledger {at} + kill payments {at} + kill orders {at}" in found
    assert f"kill ledger {at} + kill orders {at}" in found


def test_the_broker_dies_with_its_user() -> None:
    """A queue that is not durable shows when nobody is left who would publish again."""
    found = words(compound(manifest("caller_queue")))
    assert "kill broker @reply orders w1 + kill relay @reply orders w1" in found


def test_pairs_stay_inside_a_boundary() -> None:
    """What the inbox promised and what the customer waits for meet only at the hand-off between them."""
    entry, effect = "kill orders @deliver orders w1", "kill worker @applied charge w1"
    found = words(pairs(manifest("callee_inbox")))
    assert f"{entry} + {effect}" not in found
    assert f"{effect} + {effect} #2" in found
    alone = len(single(manifest("callee_inbox")))
    assert len(found) < alone * (alone - 1) / 2
