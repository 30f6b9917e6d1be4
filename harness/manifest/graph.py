"""From a manifest to the graph of the model.

Only the parts that ownership depends on are taken over; how a process starts or how an effect is counted is of no
interest to `harness.boundaries`. A manifest without `[submit]` is a graph that nobody starts: its nodes without
incoming edges are roots without an owner.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from harness.boundaries.graph import Edge, Effect, Graph, Node, Root, Step, Workflow
from harness.boundaries.triggers import Trigger
from harness.errors import ManifestError, Problem
from harness.manifest import model

__all__ = ["graph_of"]


def graph_of(manifest: model.Manifest) -> Graph:
    """The declared graph.

    Raises:
        ManifestError: an edge from or to a node that does not exist, or a step that is neither effect nor edge.
    """
    _refuse_stray_edges(manifest)
    return Graph(
        name=manifest.name,
        nodes=tuple(_node(node, [edge for edge in manifest.edge if edge.from_ == node.name]) for node in manifest.node),
        roots=(_root(manifest.submit),) if manifest.submit else (),
        workflows=tuple(Workflow(name=each.name, nodes=tuple(each.nodes)) for each in manifest.workflow),
    )


def _refuse_stray_edges(manifest: model.Manifest) -> None:
    nodes = [node.name for node in manifest.node]
    strays = [
        Problem(
            what=f"an edge comes from {edge.from_}, which is no node",
            where=f"{manifest.path}: edge {edge.from_} -> {edge.to}",
            expected=f"one of {', '.join(nodes)}" if nodes else "a [[node]] of that name",
            got=edge.from_,
        )
        for edge in manifest.edge
        if edge.from_ not in nodes
    ]
    if strays:
        raise ManifestError(*strays)


def _root(submit: model.Submit) -> Root:
    """The way in: a declared trigger owns the work, otherwise whoever stands at the edge and waits."""
    trigger = None if submit.trigger is None else _trigger(submit.trigger)
    if trigger is None and submit.root != "none":
        patience_s = submit.timeout_s if submit.patience_s is None else submit.patience_s
        trigger = Trigger(kind=submit.root, placement="root", detect="patience", max_detect_s=patience_s)
    waits = trigger is not None and trigger.is_person and not trigger.flaw
    return Root(node=submit.node, trigger=trigger, client_retries=submit.root != "none" or waits)


def _node(node: model.Node, edges: Sequence[model.Edge]) -> Node:
    effects = [_effect(effect) for effect in node.effects]
    declared: list[Step] = [*effects, *(_edge(edge) for edge in edges)]
    return Node(name=node.name, process=node.process, work=node.work, steps=_in_order(node, declared))


def _in_order(node: model.Node, declared: list[Step]) -> tuple[Step, ...]:
    """The steps as `steps` orders them; those it does not mention keep their place after it."""
    named = {(f"-> {step.name}" if isinstance(step, Edge) else step.name): step for step in declared}
    ordered = [named[name] for name in dict.fromkeys(_step_name(node, text, named) for text in node.steps or ())]
    return (*ordered, *(step for step in declared if step not in ordered))


def _step_name(node: model.Node, text: str, named: dict[str, Step]) -> str:
    bare = text.removeprefix("->").strip()
    found = [name for name in ((f"-> {bare}",) if text.startswith("->") else (bare, f"-> {bare}")) if name in named]
    if not found:
        raise ManifestError(
            Problem(
                what=f"{node.name} has no step {text!r}",
                where=f"node {node.name}: steps",
                expected=f"one of {', '.join(named)}" if named else "no steps, since it has neither effects nor edges",
                got=text,
            )
        )
    return found[0]


def _effect(effect: model.Effect) -> Effect:
    return Effect(
        name=effect.name,
        sink=effect.sink,
        retention_s=_seconds(effect.retention_s),
        tolerable=effect.duplicates == "tolerable",
    )


def _edge(edge: model.Edge) -> Edge:
    return Edge(
        dst=edge.to,
        awaits=edge.awaits,
        trigger=None if edge.trigger is None else _trigger(edge.trigger),
        retries=edge.retries,
        alias=edge.as_ or "",
        two_way=edge.two_way,
    )


def _trigger(trigger: model.Trigger) -> Trigger:
    fields = trigger.model_dump()
    attempts = None if trigger.attempts == "unlimited" else trigger.attempts
    return Trigger(**fields | {"attempts": attempts, "dedupe_s": _seconds(trigger.dedupe_s)})


def _seconds(value: float | str) -> float:
    return math.inf if isinstance(value, str) else value
