"""From a plan that fails to the plans that are one step smaller."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import patterns
from harness.manifest.load import load
from harness.manifest.model import Manifest
from harness.plans.model import Plan, parse_fault
from harness.plans.shrink import smaller
from harness.plans.strategies import plans

FOLDER = Path(patterns.__file__).parent


@cache
def inbox() -> Manifest:
    """A manifest to draw plans for."""
    return load(FOLDER / "callee_inbox")


def plan(*faults: str, works: int = 2) -> Plan:
    """A plan in words."""
    return Plan(system="callee_inbox", works=works, faults=tuple(map(parse_fault, faults)))


def test_faults_go_first_then_works_then_later_arrivals() -> None:
    """The order in which a person would try."""
    kill, later = "kill worker @recv charge w1", "kill worker @recv charge w1 #2"
    assert [(str(p), p.works) for p in smaller(plan(kill, later, works=3))] == [
        (later, 3),
        (kill, 3),
        (f"{kill} + {later}", 2),
    ]
    assert [str(p) for p in smaller(plan(later))] == [kill]
    assert list(smaller(plan(kill))) == []


def test_a_work_that_a_fault_is_about_stays() -> None:
    """A fault on w3 needs three pieces of work."""
    assert list(smaller(plan("kill worker @recv charge w3", works=3))) == []
    assert [p.works for p in smaller(plan("kill worker @recv charge w3", works=5))] == [3]


@settings(max_examples=100, suppress_health_check=[HealthCheck.differing_executors])
@given(st.data())
def test_shrinking_ends(data: st.DataObject) -> None:
    """Each step is smaller, so there is a last one."""
    drawn, steps = data.draw(plans(inbox(), "")), 0
    while candidates := list(smaller(drawn)):
        drawn, steps = data.draw(st.sampled_from(candidates)), steps + 1
        assert steps < 50
    assert len(drawn.faults) == 1
