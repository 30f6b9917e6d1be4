"""Figures 8 and 9 on four engines: one plan or two on each, and what the model derives of fig. 9.

All nine rows, many times each, are in the patterns' tables. Engines whose server is not here are skipped.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

import patterns
from harness.boundaries.faults import read_fault
from harness.boundaries.predict import predict
from harness.history import Kind
from harness.network import find_server
from harness.plans.gaps import plan_of
from harness.plans.model import parse_fault
from harness.runner.budget import Calibration
from harness.runner.case import CaseRun, run_case
from harness.runner.system import System, open_system
from harness.runner.universe import Universe
from harness.runner.workshop import workshop
from harness.stores.resources import lacking

ROOM = Path(patterns.__file__).parent
ENGINES = ("engine_teaching", "engine_restate", "engine_temporal")
NESTED = ("engine_teaching_human", "engine_restate_human")
PLANS = [
    ("engine_teaching", "kill fx @applied a w1", {"a": 2}),
    ("engine_teaching", "kill fy @recv b3 w1 + kill fx @recv b3 w1 #2", {"b3": 2}),
    ("engine_teaching_human", "kill s @applied s w1", {"b2": 2, "s": 2}),
    ("engine_restate", "kill fy @applied b3 w1", {"b3": 2}),
    ("engine_restate", "kill engine @applied b2 w1", {"b2": 2}),
    ("engine_temporal", "kill fx @applied a w1", {"a": 2}),
]


@pytest.fixture
def anyio_backend() -> str:
    """Asynchronous tests run on asyncio alone."""
    return "asyncio"


def system_of(name: str) -> System:
    """A pattern, ready to run; skipped where its server is not here."""
    system = open_system(ROOM / name)
    for resource in system.manifest.resource:
        if line := lacking(resource):
            pytest.skip(f"{resource.kind} is not here: {line}")
    return system


@asynccontextmanager
async def universe_of(system: System) -> AsyncIterator[Universe]:
    """A place of its own for a system."""
    async with workshop(find_server(), system.modules) as shop:
        universe = await Universe.open(system, shop)
        try:
            yield universe
        finally:
            await universe.close()


async def run_plan(name: str, faults: str) -> CaseRun:
    """One case under these faults, on one piece of work."""
    system = system_of(name)
    plan = plan_of(system.manifest, *map(parse_fault, faults.split(" + ")))
    async with universe_of(system) as universe:
        return await run_case(universe, plan, Calibration())


def attempts(run: CaseRun, work: str = "w1") -> Counter[str]:
    """How often the world was asked for each effect, before it deduped, and before the past was replayed."""
    return Counter(event.where for event in run.history.of(Kind.ATTEMPT) if event.work == work)


def landed(run: CaseRun) -> set[str]:
    """The faults that struck."""
    return {event.where for event in run.history.of(Kind.FAULT) if event.data["state"] == "landed"}


@pytest.mark.anyio
@pytest.mark.parametrize(("name", "faults", "expected"), PLANS)
async def test_only_the_step_in_doubt_is_attempted_again(name: str, faults: str, expected: dict[str, int]) -> None:
    """Journaled steps are served, the caller attaches; each effect is applied once, and nothing stays pending."""
    run = await run_plan(name, faults)
    assert not run.errors
    assert run.settled
    assert landed(run) == set(faults.split(" + "))
    seen = attempts(run)
    # A service that was killed may still be away at the next attempt.
    assert {effect: n if effect == "s" else min(n, 2) for effect, n in seen.items()} == dict.fromkeys(
        seen, 1
    ) | expected
    applied = Counter((event.work, event.where) for event in run.history.of(Kind.APPLY))
    assert set(applied.values()) == {1}
    assert all(event.data["works"] == [] for event in run.history.of(Kind.PENDING)[-2:])


@pytest.mark.parametrize("name", ENGINES)
def test_engine_gives_fx_and_fy_a_boundary_each_and_fy_lies_in_the_layer_of_fx(name: str) -> None:
    """mu(Fx) = {Fx}, mu(Fy) = {Fy}, lam(Fx) = {Fx, Fy}, Fy nested in Fx: the same on every engine."""
    found = {b.name: (b.nodes, b.layer, b.nested_in) for b in open_system(ROOM / name).derived.boundaries}
    assert found["engine:Fx"] == (("Fx",), ("Fx", "Fy"), None)
    assert found["engine:Fy"] == (("Fy",), ("Fy",), "engine:Fx")


@pytest.mark.parametrize("name", NESTED)
def test_human_guarantees_what_the_engine_executes_again(name: str) -> None:
    """Fig. 9: lam(human) = {API, Fx, Fy, S}, lam(Fx) = {Fx, Fy, S}, mu(Fy) = {Fy, S}."""
    found = {b.name: (b.nodes, b.layer, b.nested_in) for b in open_system(ROOM / name).derived.boundaries}
    assert found == {
        "human:api": (("api",), ("api", "Fx", "Fy", "S"), None),
        "engine:Fx": (("Fx",), ("Fx", "Fy", "S"), "human:api"),
        "engine:Fy": (("Fy", "S"), ("Fy", "S"), "engine:Fx"),
    }


@pytest.mark.parametrize("name", NESTED)
@pytest.mark.parametrize(
    ("fault", "again"),
    [
        ("crash S after s", {"Fy", "S"}),
        ("crash Fy after b2", {"Fy"}),
        ("crash Fx after a", {"Fx"}),
        ("crash api before Fx", {"api"}),
    ],
)
def test_crash_in_one_boundary_leaves_the_others_alone(name: str, fault: str, again: set[str]) -> None:
    """Who waits for it is not executed again; a plain service is, with whoever calls it."""
    derived = open_system(ROOM / name).derived
    prediction = predict(derived, read_fault(fault, derived))
    assert set(prediction.must) == again
