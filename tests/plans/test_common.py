"""The same faults for different systems: aimed by the graph, and said where they mean nothing."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

import patterns
from harness.manifest.load import load
from harness.manifest.model import Manifest
from harness.plans.aim import check_aim
from harness.plans.common import TERMS, common, shared_effect
from harness.plans.model import Plan

FOLDER = Path(patterns.__file__).parent
NAMES = sorted(path.parent.name for path in FOLDER.glob("*/retrigger.toml"))
PROCESS = ("process_choreography", "process_orchestration", "process_mix")
WORKER = {
    "callee_inbox": "kill worker @recv charge w1",
    "caller_queue": "kill payments @recv charge w1",
    "engine_dbos": "kill fy @recv b3 w1",
    "process_choreography": "kill shipping @recv ship w1",
    "upstream_sync": "kill ledger @recv enter w1",
}
"""The farthest node with an effect at the world, by each graph."""


@cache
def manifest(name: str) -> Manifest:
    """The manifest of a pattern."""
    return load(FOLDER / name)


def meant(term: str, name: str, effect: str = "") -> str:
    """What a term is in a system, in words."""
    return str(next(each for each in TERMS if each.name == term).plan(manifest(name), effect))


@pytest.mark.parametrize("name", WORKER)
def test_the_worker_is_found_by_the_graph(name: str) -> None:
    """It is whoever lies farthest from the way in and does something outside."""
    assert meant("before_effect", name) == WORKER[name]


@pytest.mark.parametrize("name", NAMES)
def test_every_common_fault_is_aimed_at_what_is_there(name: str) -> None:
    """Whatever a term means in a system, it can strike there."""
    plans = common(manifest(name))
    for plan in plans:
        check_aim(manifest(name), plan)
    assert len({plan.id for plan in plans}) == len(plans) >= 6


def test_a_term_that_means_nothing_says_why() -> None:
    """There is no broker to kill in a system without one, and nobody refuses what no manifest says may be refused."""
    assert "no store of its own" in meant("store_killed", "callee_inbox")
    assert "may be refused" in meant("refused", "callee_inbox")
    assert meant("store_killed", "caller_queue") == "kill broker @recv charge w1"
    assert meant("refused", "process_orchestration") == "reject shipping->world @recv ship w1"


def test_systems_with_a_common_effect_are_hurt_around_that() -> None:
    """One process in three forms: all are hurt at the charge; one that may be refused has a fault of its own."""
    assert shared_effect([manifest(name) for name in PROCESS]) == "charge"
    for name in PROCESS:
        assert meant("after_effect", name, "charge") == "kill payments @applied charge w1"
    assert shared_effect([manifest("callee_inbox"), manifest("engine_dbos")]) == ""


def test_the_order_of_terms_does_not_depend_on_the_system() -> None:
    """Plans come in the order of the terms, those that mean nothing left out."""
    plans = {str(plan) for plan in common(manifest("callee_inbox"))}
    assert plans == {str(p) for t in TERMS if isinstance(p := t.plan(manifest("callee_inbox")), Plan)}
