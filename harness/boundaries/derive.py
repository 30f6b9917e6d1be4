"""Algorithm 1: who owns which instance, and how far each owner reaches.

A trigger starts a boundary; a plain awaited call passes the caller's owner down; everything else is owned by nobody.
From owners follow `mu` (what a trigger executes again), `lam` (what it guarantees to complete, through other triggers),
the frontier (what it only has to hand off) and which boundary lies inside which.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from harness.boundaries.graph import Graph
from harness.boundaries.triggers import Trigger
from harness.boundaries.unfold import Call, Instance, Unfolded, unfold

__all__ = ["Boundaries", "Boundary", "derive"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Boundary:
    """What one trigger is responsible for.

    name: kind and target of the trigger, `queue:D`.
    trigger: its declaration.
    target: the instance it invokes.
    nodes: mu, the instances that are executed again together.
    layer: lam, the instances it guarantees to complete.
    frontier: the hand-offs that leave it, as `B->D`.
    nested_in: the boundary that waits for this one, if any.
    """

    name: str
    trigger: Trigger
    target: str
    nodes: tuple[str, ...]
    layer: tuple[str, ...]
    frontier: tuple[str, ...]
    nested_in: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Boundaries:
    """The unfolded graph with its owners.

    graph: as declared.
    instances: by name, in the order of a depth-first walk; every list below is in that order.
    joins: response handlers that share a durable join record, by the instance that needs their answers.
    owner: the name of the boundary that an instance belongs to, or None.
    boundaries: all of them.
    """

    graph: Graph
    instances: Mapping[str, Instance]
    joins: Mapping[str, tuple[str, ...]]
    owner: Mapping[str, str | None]
    boundaries: tuple[Boundary, ...]

    @property
    def unowned(self) -> tuple[str, ...]:
        """The instances that nobody will drive again."""
        return tuple(name for name, owner in self.owner.items() if owner is None)

    @property
    def calls(self) -> tuple[Call, ...]:
        """The ways in and all calls between instances, in order."""
        return tuple(instance.call for instance in self.instances.values())

    def boundary(self, name: str) -> Boundary:
        """The boundary of this name. Raises KeyError."""
        return {boundary.name: boundary for boundary in self.boundaries}[name]

    def boundary_of(self, instance: str) -> Boundary | None:
        """The boundary that an instance belongs to. Raises KeyError for an unknown instance."""
        owner = self.owner[instance]
        return None if owner is None else self.boundary(owner)


def derive(graph: Graph) -> Boundaries:
    """Derives all boundaries of a declared graph.

    Raises:
        ManifestError: a cycle that no effective trigger cuts.
    """
    unfolded = unfold(graph)
    owner = _owners(unfolded)
    return Boundaries(
        graph=graph,
        instances=unfolded.instances,
        joins=unfolded.joins,
        owner=owner,
        boundaries=tuple(
            _boundary(unfolded, owner, instance.call, instance.call.trigger)
            for instance in unfolded.instances.values()
            if instance.call.triggered and instance.call.trigger
        ),
    )


def _owners(unfolded: Unfolded) -> dict[str, str | None]:
    """The owner of every instance. Callers come before callees, so a caller's owner is known when it is inherited."""
    owner: dict[str, str | None] = {}
    for name, instance in unfolded.instances.items():
        call = instance.call
        if call.triggered and call.trigger:
            owner[name] = f"{call.trigger.kind}:{name}"
        elif call.awaits and call.src:
            owner[name] = owner[call.src]
        else:
            owner[name] = None
    return owner


def _boundary(unfolded: Unfolded, owner: Mapping[str, str | None], way_in: Call, trigger: Trigger) -> Boundary:
    name = owner[way_in.dst]
    nodes = tuple(instance for instance, its in owner.items() if its == name)
    calls = [call for instance in nodes for call in unfolded.instances[instance].calls]
    return Boundary(
        name=str(name),
        trigger=trigger,
        target=way_in.dst,
        nodes=nodes,
        layer=_layer(unfolded, way_in.dst),
        # Awaited triggers are nested, not handed off: their caller has to see them completed, not only set.
        frontier=tuple(call.key for call in calls if call.triggered and not call.awaits),
        nested_in=owner[way_in.src] if way_in.awaits and way_in.src else None,
    )


def _layer(unfolded: Unfolded, target: str) -> tuple[str, ...]:
    """Everything that is awaited below the target, whether a trigger is set on the way or not."""
    layer = {target}
    for name, instance in unfolded.instances.items():
        if instance.call.awaits and instance.call.src in layer:
            layer.add(name)
    return tuple(name for name in unfolded.instances if name in layer)
