"""Business processes over boundaries: who shares one, who holds it whole, and who reaches over two."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import patterns
from harness.boundaries import Edge, Graph, Node, Root, Trigger, Workflow, derive, describe, workflows_of
from harness.errors import ManifestError
from harness.manifest.graph import graph_of
from harness.manifest.load import load

FOLDER = Path(patterns.__file__).parent
FORMS = {
    "process_choreography": (5, None),
    "process_mix": (3, None),
    "process_orchestration": (1, "inbox:fulfil"),
}
QUEUE = Trigger(kind="queue", placement="caller")


def two_processes(*, awaits: bool) -> Graph:
    """A calls B, which belongs to another workflow, and awaits it or hands over to it."""
    edge = Edge(dst="B", awaits=awaits, trigger=None if awaits else QUEUE)
    return Graph(
        name="two",
        nodes=(Node(name="A", steps=(edge,)), Node(name="B")),
        roots=(Root(node="A", trigger=QUEUE),),
        workflows=(Workflow(name="sell", nodes=("A",)), Workflow(name="ship", nodes=("B",))),
    )


@pytest.mark.parametrize("name", FORMS)
def test_the_three_forms_of_one_process_lie_differently_over_boundaries(name: str) -> None:
    """Choreography shares it among all, orchestration holds it whole, the mix is in between."""
    [workflow] = workflows_of(derive(graph_of(load(FOLDER / name))))
    assert (len(workflow.boundaries), workflow.held_by) == FORMS[name]
    assert not workflow.unowned
    assert not workflow.too_large


def test_a_boundary_that_awaits_another_workflow_is_too_large() -> None:
    """Its owner has to complete what should go its own way."""
    sell, ship = workflows_of(derive(two_processes(awaits=True)))
    assert sell.too_large == ship.too_large == ("queue:A",)
    assert sell.held_by == ship.held_by == "queue:A"


def test_a_hand_off_keeps_two_workflows_apart() -> None:
    """Each is held by an owner of its own, and none reaches over the other."""
    sell, ship = workflows_of(derive(two_processes(awaits=False)))
    assert (sell.held_by, ship.held_by) == ("queue:A", "queue:B")
    assert sell.too_large == ship.too_large == ()


def test_parts_that_nobody_owns_are_named() -> None:
    """A workflow without any trigger has no owner, and says which parts lack one."""
    graph = Graph(name="bare", nodes=(Node(name="A"),), roots=(), workflows=(Workflow(name="sell", nodes=("A",)),))
    [sell] = workflows_of(derive(graph))
    assert (sell.boundaries, sell.held_by, sell.unowned) == ((), None, ("A",))


def test_text_and_json_tell_of_workflows_where_there_are_any() -> None:
    """The key is only there where the manifest names one."""
    told = describe(two_processes(awaits=True))
    assert "held as a whole  by queue:A" in told.text()
    assert "too large        queue:A" in told.text()
    assert [each["name"] for each in json.loads(told.to_json())["workflows"]] == ["sell", "ship"]
    without = describe(Graph(name="bare", nodes=(Node(name="A"),), roots=()))
    assert "workflows" not in json.loads(without.to_json())


def test_a_workflow_of_a_stranger_is_refused() -> None:
    """A node that does not exist cannot take part."""
    with pytest.raises(ManifestError, match="names B, which is no node"):
        Graph(name="x", nodes=(Node(name="A"),), roots=(), workflows=(Workflow(name="sell", nodes=("B",)),))
