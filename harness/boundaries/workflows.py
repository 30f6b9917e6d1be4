"""Business processes against responsibility boundaries: how many boundaries share a workflow, and who holds it whole.

A boundary says what is executed again together, a workflow what has to be complete together. They need not line up: in
a choreography each node has a boundary of its own and nobody answers for the whole; a layer that takes in all of a
workflow does; one that takes in two workflows ties together what should change and fail on its own.
Source: the post, "Responsibility boundaries vs Business process boundaries"
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.boundaries.derive import Boundaries, Boundary

__all__ = ["Shared", "workflows_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """How one workflow lies over the boundaries.

    name: of the workflow. nodes: its instances. boundaries: those that own any of them, in the order of the graph.
    held_by: the innermost boundary whose layer takes in the whole of it; None where nobody answers for the whole.
    unowned: its instances that nobody owns. too_large: boundaries whose layers reach into another workflow as well.
    """

    name: str
    nodes: tuple[str, ...]
    boundaries: tuple[str, ...]
    held_by: str | None
    unowned: tuple[str, ...]
    too_large: tuple[str, ...]


def workflows_of(boundaries: Boundaries) -> tuple[Shared, ...]:
    """Every declared workflow, as its author ordered them."""
    instances = {each.name: _instances(boundaries, each.nodes) for each in boundaries.graph.workflows}
    return tuple(_shared(boundaries, name, instances) for name in instances)


def _instances(boundaries: Boundaries, nodes: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name, instance in boundaries.instances.items() if instance.node.name in nodes)


def _shared(boundaries: Boundaries, name: str, workflows: dict[str, tuple[str, ...]]) -> Shared:
    nodes = workflows[name]
    owners = dict.fromkeys(owner for each in nodes if (owner := boundaries.owner[each]))
    holders = [boundary for boundary in boundaries.boundaries if set(nodes) <= set(boundary.layer)]
    others = [set(own) - set(nodes) for other, own in workflows.items() if other != name]
    return Shared(
        name=name,
        nodes=nodes,
        boundaries=tuple(owners),
        held_by=min(holders, key=lambda boundary: len(boundary.layer)).name if holders else None,
        unowned=tuple(each for each in nodes if boundaries.owner[each] is None),
        too_large=tuple(each.name for each in boundaries.boundaries if _reaches_over(each, set(nodes), others)),
    )


def _reaches_over(boundary: Boundary, nodes: set[str], others: list[set[str]]) -> bool:
    reach = set(boundary.layer)
    return bool(reach & nodes) and any(reach & other for other in others)
