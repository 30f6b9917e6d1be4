"""The formula and the simulator are each other's oracle, on every single fault of random graphs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import given, settings

from harness.boundaries import Boundaries, Fault, What, derive, predict, read_fault, simulate
from harness.boundaries.faults import phases
from harness.boundaries.graph import Graph
from harness.boundaries.predict import consequences
from tests.boundaries.figures import FIGURES, derived
from tests.boundaries.graphs import graphs


def single_faults(boundaries: Boundaries) -> Iterator[Fault]:
    """Every exact fault that the model knows in this graph."""
    for name, instance in boundaries.instances.items():
        yield from (Fault(what=What.CRASH, at=name, phase=phase) for phase in phases(instance))
        yield from (Fault(what=what, at=name) for what in (What.REQUEST_LOST, What.REPLY_LOST, What.UNSET))


def assert_agreement(boundaries: Boundaries) -> None:
    calm = simulate(boundaries)
    assert not calm.incomplete
    for fault in single_faults(boundaries):
        predicted, seen = consequences(boundaries, fault), simulate(boundaries, [fault])
        more = seen.invocations - calm.invocations
        if fault.what is What.UNSET and predicted.stranded:
            more[fault.at] = 0  # the invocation that died is the only one there was
        assert predicted.stranded == bool(seen.incomplete), fault
        assert predicted.invocations == +more, fault
        assert predicted.attempts == seen.attempts - calm.attempts, fault


@settings(max_examples=150, deadline=None)
@given(graphs())
def test_formula_and_simulator_count_the_same_on_random_graphs(graph: Graph) -> None:
    """For every node and phase and every lost message both say the same of invocations, attempts and stranding."""
    assert_agreement(derive(graph))


@pytest.mark.parametrize("work", ["reexec", "inbox", "log", "none"])
@pytest.mark.parametrize("name", FIGURES)
def test_formula_and_simulator_count_the_same_on_every_figure(name: str, work: str) -> None:
    """The figures of the post are no exception, in any work mode."""
    assert_agreement(derived(name, work))


@settings(max_examples=80, deadline=None)
@given(graphs())
def test_each_instance_has_one_owner_or_is_unowned(graph: Graph) -> None:
    """Boundaries do not overlap, leave no instance out, and lie inside their layers."""
    boundaries = derive(graph)
    members = Counter(name for boundary in boundaries.boundaries for name in boundary.nodes)
    members.update(boundaries.unowned)
    assert members == Counter(list(boundaries.instances))
    for boundary in boundaries.boundaries:
        assert boundary.target in boundary.nodes
        assert set(boundary.nodes) <= set(boundary.layer)


@settings(max_examples=80, deadline=None)
@given(graphs())
def test_a_prediction_places_every_instance_once_and_covers_every_point(graph: Graph) -> None:
    """`must` is below and `must + may` above the count of every point that a sentence may mean."""
    boundaries = derive(graph)
    for name in boundaries.instances:
        meaning = read_fault(f"crash {name}", boundaries)
        prediction = predict(boundaries, meaning)
        assert set(prediction.must) | set(prediction.may) == set(boundaries.instances) - set(prediction.must_not)
        for fault in meaning.faults:
            again = consequences(boundaries, fault).invocations
            for other in boundaries.instances:
                least = prediction.must.get(other, 0)
                assert least <= again[other] <= least + prediction.may.get(other, 0)


@settings(max_examples=80, deadline=None)
@given(graphs())
def test_a_crash_stays_inside_its_boundary_and_below_its_frontier(graph: Graph) -> None:
    """Containment: whoever is invoked again belongs to the owner's boundary or was handed work by it."""
    boundaries = derive(graph)
    for fault in single_faults(boundaries):
        owner = boundaries.boundary_of(fault.at)
        if fault.what is What.CRASH and owner:
            below = set(owner.nodes)
            for name, instance in boundaries.instances.items():
                if instance.call.src in below and not instance.call.attaches:
                    below.add(name)
            assert set(consequences(boundaries, fault).invocations) <= below
