"""One instance per path: the declared graph as a forest that can be walked without asking where one came from.

Two things happen here. A node reached by two paths becomes two *instances*, because a crash on one path is not a crash
on the other. And every two-way asynchronous edge becomes two one-way edges: the answer invokes a response handler `u#v`
in the caller's process, from wherever the callee's result becomes known (the callee, or its own last response handler).

A cycle is unfolded for one turn: the instance that would close it stands for the next round and has no steps. Only a
trigger edge may close a cycle; a closed circle of plain calls never ends, so it is refused.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from harness.boundaries.graph import Edge, Effect, Graph, Node, Root, Step
from harness.boundaries.triggers import Trigger
from harness.errors import ManifestError, Problem

__all__ = ["Call", "Instance", "Unfolded", "unfold"]

MAX_DEPTH = 200
MAX_INSTANCES = 5_000

Path = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """An edge between two instances, or the way in.

    name: what the step is called within its node.
    src: the calling instance, or None at a root.
    dst: the instance that is invoked.
    awaits, trigger, retries: as declared on the edge.
    """

    name: str
    src: str | None
    dst: str
    awaits: bool
    trigger: Trigger | None
    retries: int

    @property
    def key(self) -> str:
        """The call as text, `B->D`."""
        return f"{self.src or 'client'}->{self.dst}"

    @property
    def triggered(self) -> bool:
        """An effective trigger is set along this call."""
        return self.trigger is not None and not self.trigger.flaw

    @property
    def attaches(self) -> bool:
        """A second call of the same work waits for the invocation that is already known instead of starting one."""
        return self.triggered and self.awaits and self.src is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """A node on one path. Its name is the node's where that is unique, else `D@A/B`."""

    name: str
    node: Node
    call: Call
    steps: tuple[Effect | Call, ...]

    @property
    def calls(self) -> tuple[Call, ...]:
        """The steps that invoke other instances."""
        return tuple(step for step in self.steps if isinstance(step, Call))


@dataclass(frozen=True, slots=True, kw_only=True)
class Unfolded:
    """All instances in the order of a depth-first walk.

    instances: by name, callers before callees.
    joins: for each instance that needs several answers, the response handlers that share its durable join record.
    """

    instances: Mapping[str, Instance]
    joins: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    """The response handler that a callee's result goes to, and where *its* caller's result goes from there."""

    handler: Node
    trigger: Trigger | None
    then: _Answer | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Visit:
    """A node as the walk met it, before it has a name."""

    node: Node
    edge: Edge
    steps: list[Effect | Path]


def unfold(graph: Graph) -> Unfolded:
    """Walks the graph from its roots; nodes that no root reaches are roots without an owner.

    Raises:
        ManifestError: a cycle that no effective trigger cuts, or a graph too large to unfold.
    """
    walk = _Walk(graph)
    for root in graph.roots:
        walk.enter(root)
    while stray := walk.first_unreached():
        walk.enter(Root(node=stray))
    return walk.finish()


class _Walk:
    """The depth-first walk; `visits` keeps the order in which paths were met."""

    def __init__(self, graph: Graph) -> None:
        self.nodes = {node.name: node for node in graph.nodes}
        self.visits: dict[Path, _Visit] = {}
        self.handlers = {f"{node.name}#{edge.name}" for node in graph.nodes for edge in node.edges if edge.two_way}
        self.called = {edge.dst for node in graph.nodes for edge in node.edges} | self.handlers

    def first_unreached(self) -> str | None:
        """A node that no walk has met: first those that nobody calls, then whatever is left of closed circles."""
        reached = {visit.node.name for visit in self.visits.values()}
        left = [name for name in self.nodes if name not in reached and name not in self.handlers]
        return next((name for name in left if name not in self.called), next(iter(left), None))

    def enter(self, root: Root) -> None:
        """Starts at a root. A person or nobody calls and waits; any other trigger only has to be set."""
        awaits = root.trigger is None or root.trigger.is_person
        self.visit(Edge(dst=root.node, awaits=awaits, trigger=root.trigger), self.nodes[root.node], (), None)

    def visit(self, edge: Edge, node: Node, callers: Path, answer: _Answer | None) -> Path:
        """Records one instance and all below it, and returns its path."""
        path = (*callers, edge.name)
        self._refuse_too_large(path)
        visit = self.visits[path] = _Visit(node=node, edge=edge, steps=[])
        if not self._closes_cycle(path):
            for step, callee, reply in self._steps(node, answer):
                visit.steps.append(self.visit(step, callee, path, reply) if isinstance(step, Edge) else step)
        return path

    def _steps(self, node: Node, answer: _Answer | None) -> Iterator[tuple[Step, Node, _Answer | None]]:
        """The steps of a node with the callee of each and where its result goes; the node's own answer comes last."""
        two_way = [edge for edge in node.edges if edge.two_way]
        for step in node.steps:
            if isinstance(step, Effect):
                yield step, node, None
            elif step.two_way:
                then = answer if step is two_way[-1] else None
                yield step, self.nodes[step.dst], self._answer(node, step, then)
            else:
                yield step, self.nodes[step.dst], None
        if answer is not None and not two_way:
            reply = Edge(dst=answer.handler.name, awaits=False, trigger=answer.trigger)
            yield reply, answer.handler, answer.then

    def _answer(self, caller: Node, edge: Edge, then: _Answer | None) -> _Answer:
        """The response handler: as declared under the name `u#v`, otherwise one without effects of its own."""
        name = f"{caller.name}#{edge.name}"
        handler = self.nodes.get(name) or Node(name=name, process=caller.process, work=caller.work)
        return _Answer(handler=handler, trigger=_back(edge), then=then)

    def _closes_cycle(self, path: Path) -> bool:
        """Whether this instance only stands for the next round.

        Raises:
            ManifestError: no trigger was set since the walk was last at this node, so the calls would never end.
        """
        walked = [self.visits[path[:length]] for length in range(1, len(path) + 1)]
        here = walked.pop()
        since = [place for place, visit in enumerate(walked) if visit.node.name == here.node.name]
        if not since:
            return False
        circle = [*walked[since[-1] :], here]
        if not any(visit.edge.is_triggered for visit in circle[1:]):
            raise ManifestError(_endless(circle))
        return here.edge.is_triggered

    def _refuse_too_large(self, path: Path) -> None:
        if len(path) > MAX_DEPTH or len(self.visits) >= MAX_INSTANCES:
            raise ManifestError(
                Problem(
                    what="the graph is too large to unfold into one instance per path",
                    where=f"edge {' -> '.join(path[-2:])}",
                    expected=f"at most {MAX_DEPTH} calls in a row and {MAX_INSTANCES} paths",
                    fix="describe one workflow per manifest",
                )
            )

    def finish(self) -> Unfolded:
        """Gives every path its name and ties the calls to them."""
        count = Counter(visit.node.name for visit in self.visits.values())
        names = {path: _name(path, visit, alone=count[visit.node.name] == 1) for path, visit in self.visits.items()}
        calls = {path: _call(path, visit.edge, names) for path, visit in self.visits.items()}
        instances = {
            names[path]: Instance(
                name=names[path],
                node=visit.node,
                call=calls[path],
                steps=tuple(step if isinstance(step, Effect) else calls[step] for step in visit.steps),
            )
            for path, visit in self.visits.items()
        }
        return Unfolded(instances=instances, joins=_joins(self.visits, names))


def _name(path: Path, visit: _Visit, *, alone: bool) -> str:
    if alone or len(path) == 1:
        return visit.node.name
    alias = f":{visit.edge.alias}" if visit.edge.alias else ""
    return f"{visit.node.name}@{'/'.join(path[:-1])}{alias}"


def _call(path: Path, edge: Edge, names: Mapping[Path, str]) -> Call:
    return Call(
        name=edge.name,
        src=names.get(path[:-1]),
        dst=names[path],
        awaits=edge.awaits,
        trigger=edge.trigger,
        retries=edge.retries,
    )


def _joins(visits: Mapping[Path, _Visit], names: Mapping[Path, str]) -> dict[str, tuple[str, ...]]:
    """The response handlers of each instance that needs more than one answer: those that lie below it, by name."""
    joins = {}
    for path, visit in visits.items():
        wanted = [f"{visit.node.name}#{edge.name}" for edge in visit.node.edges if edge.two_way]
        handlers = [_nearest(visits, path, handler) for handler in wanted]
        if len(wanted) > 1:
            joins[names[path]] = tuple(names[found] for found in handlers if found is not None)
    return joins


def _nearest(visits: Mapping[Path, _Visit], above: Path, node: str) -> Path | None:
    below = (path for path, visit in visits.items() if path[: len(above)] == above and visit.node.name == node)
    return min(below, key=len, default=None)


def _back(edge: Edge) -> Trigger | None:
    """The trigger of the answer: of the same kind as that of the request, but set by whoever answers."""
    return edge.trigger and replace(edge.trigger, placement="caller")


def _endless(circle: list[_Visit]) -> Problem:
    names = " -> ".join(visit.node.name for visit in circle)
    flaws = [f"{visit.edge.name}: {visit.edge.trigger.flaw}" for visit in circle[1:] if visit.edge.trigger]
    return Problem(
        what=f"the cycle {names} is not cut by a trigger",
        where=f"edge {circle[-2].node.name} -> {circle[-1].node.name}",
        expected="at least one edge of a cycle sets an effective trigger; plain calls in a circle never complete",
        got="no trigger on any of its edges" if not flaws else f"triggers that are not effective ({'; '.join(flaws)})",
        fix=f"add a trigger to one of {names}, or break the circle",
    )
