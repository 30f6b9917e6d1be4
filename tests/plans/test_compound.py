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
from harness.plans.compound import CROWD, compound, pairs
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


def test_partner_fails_for_longer_than_anybody_tries_who_gives_up() -> None:
    """A dozen of the longest pauses, beyond the declared detection; the declared attempts are never outlasted."""
    found = words(compound(manifest("callee_inbox")))
    assert "poison worker->world @recv charge w1 until detect+1.2" in found
    [edge] = manifest("callee_inbox").edge
    assert edge.trigger
    bounded = edge.model_copy(update={"trigger": edge.trigger.model_copy(update={"attempts": 3})})
    few = words(compound(manifest("callee_inbox").model_copy(update={"edge": (bounded,)})))
    assert "poison worker->world @recv charge w1 until detect" in few


def test_it_is_told_to_end_while_its_partner_is_silent() -> None:
    """A call that goes on would hide what is said too early on the way out."""
    wanted = "terminate worker @recv charge w1 + hold worker->world @recv charge w1 until detect"
    assert wanted in words(compound(manifest("callee_inbox")))


def test_it_dies_between_two_commits_of_its_own() -> None:
    """Where it has files of its own; who has his data elsewhere makes nothing durable himself."""
    found = words(compound(manifest("callee_inbox")))
    assert [each for each in found if "worker @syscall" in each] == [
        f"kill worker @syscall fdatasync #{n}" for n in range(2, 6)
    ]
    assert not [each for each in words(compound(manifest("callee_inbox_postgres"))) if "@syscall" in each]


def test_what_is_undone_is_refused_first() -> None:
    """Nothing strikes a compensation that nothing leads to."""
    undoing = [plan for plan in compound(manifest("process_orchestration")) if " cancel " in str(plan)]
    assert undoing
    assert {plan.faults[0].verb for plan in undoing} == {"reject"}
    assert not [plan for plan in undoing if " w2" in str(plan)]


def test_a_crowd_piles_up_and_a_process_dies_in_its_midst() -> None:
    """What is done for several at once, or kept of the last few, does not show with two."""
    crowds = [str(plan) for plan in compound(manifest("callee_inbox")) if plan.works == CROWD]
    assert crowds == ["refuse worker->world @recv charge w3 until detect", "kill worker @applied charge w5"]


def test_pairs_stay_inside_a_boundary() -> None:
    """What the inbox promised and what the customer waits for meet only at the hand-off between them."""
    entry, effect = "kill orders @deliver orders w1", "kill worker @applied charge w1"
    found = words(pairs(manifest("callee_inbox")))
    assert f"{entry} + {effect}" not in found
    assert f"{effect} + {effect} #2" in found
    alone = len(single(manifest("callee_inbox")))
    assert len(found) < alone * (alone - 1) / 2
