"""The declared graph: nodes with ordered steps, edges, and the roots through which work enters.

Plain frozen data, independent of any file format; `harness.manifest.graph` makes it from a manifest. The graph is what
the system's author *says*. `harness.boundaries.unfold` turns it into one instance per path, and everything else works
on that.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from harness.boundaries.triggers import Trigger
from harness.errors import ManifestError, Problem

__all__ = ["Edge", "Effect", "Graph", "Node", "Root", "Step", "Workflow"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """A step that changes something outside the handler's frame.

    name: unique within its node.
    sink: `transactional` (in the transaction of the progress record), `keyed` (the partner dedupes) or `plain`.
    retention_s: how long a keyed sink recognises a key, in seconds.
    tolerable: the author declared that duplicates do no harm.
    """

    name: str
    sink: str = "keyed"
    retention_s: float = math.inf
    tolerable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """A step that invokes another node.

    dst: name of the node invoked.
    awaits: the caller waits until the callee has completed, not only until it has acknowledged.
    trigger: what is set along the edge, if anything.
    retries: how often the caller itself calls again before it fails (in-situ, not reliable).
    alias: name of this step where two edges of a node lead to the same one.
    two_way: the answer comes back as an invocation of a handler of its own (fig. 7); such an edge does not await.
    """

    dst: str
    awaits: bool
    trigger: Trigger | None = None
    retries: int = 0
    alias: str = ""
    two_way: bool = False

    @property
    def name(self) -> str:
        """What the step is called within its node."""
        return self.alias or self.dst

    @property
    def is_triggered(self) -> bool:
        """An effective trigger is set along this edge."""
        return self.trigger is not None and not self.trigger.flaw


Step = Effect | Edge


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One handler of one service doing one unit of work.

    process: what can be killed.
    work: `reexec`, `inbox`, `log` or `none`: how it survives being invoked again.
    steps: effects and edges in the order in which they are done.
    """

    name: str
    process: str = ""
    work: str = "reexec"
    steps: tuple[Step, ...] = ()

    @property
    def edges(self) -> tuple[Edge, ...]:
        """The steps that invoke other nodes."""
        return tuple(step for step in self.steps if isinstance(step, Edge))


@dataclass(frozen=True, slots=True, kw_only=True)
class Root:
    """A way into the graph.

    node: the node that is invoked first.
    trigger: what owns it, if anything.
    client_retries: somebody stands at the edge who submits again until he has seen an answer.
    """

    node: str
    trigger: Trigger | None = None
    client_retries: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Workflow:
    """A business process: the nodes that have to be complete together, whoever owns them."""

    name: str
    nodes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """The whole declaration.

    name: of the system. nodes, roots: the graph. workflows: the business processes that it carries.

    Raises:
        ManifestError: names that lead nowhere or are used twice, or a two-way edge that also awaits.
    """

    name: str
    nodes: tuple[Node, ...]
    roots: tuple[Root, ...]
    workflows: tuple[Workflow, ...] = ()

    def __post_init__(self) -> None:
        problems = tuple(self._problems())
        if problems:
            raise ManifestError(*problems)

    def node(self, name: str) -> Node:
        """The node of this name. Raises KeyError."""
        return {node.name: node for node in self.nodes}[name]

    def _problems(self) -> Iterator[Problem]:
        names = Counter(node.name for node in self.nodes)
        for name in (name for name, count in names.items() if count > 1):
            yield Problem(what=f"two nodes are called {name}", where=f"node {name}", fix="give each node its own name")
        for root in self.roots:
            if root.node not in names:
                yield _nowhere(f"submit leads to {root.node}, which is no node", "submit.node", names)
        for workflow in self.workflows:
            for name in workflow.nodes:
                if name not in names:
                    yield _nowhere(f"workflow {workflow.name} names {name}, which is no node", "workflow.nodes", names)
        for node in self.nodes:
            yield from _problems_of(node, names)


def _problems_of(node: Node, names: Counter[str]) -> Iterator[Problem]:
    steps = Counter(step.name for step in node.edges)
    for name in (name for name, count in steps.items() if count > 1):
        yield Problem(
            what=f"two edges lead from {node.name} to {name} under the same name",
            where=f"edge {node.name} -> {name}",
            fix='tell them apart with `as = "..."`',
        )
    for edge in node.edges:
        where = f"edge {node.name} -> {edge.dst}"
        if edge.dst not in names:
            yield _nowhere(f"an edge of {node.name} leads to {edge.dst}, which is no node", where, names)
        if edge.two_way and edge.awaits:
            yield Problem(
                what="a two-way edge cannot await: its answer comes to a handler of its own",
                where=where,
                expected="awaits = false",
                got="awaits = true",
                fix="write awaits = false, or leave out two_way",
            )


def _nowhere(what: str, where: str, names: Counter[str]) -> Problem:
    return Problem(what=what, where=where, expected=f"one of {', '.join(names)}" if names else "a node of that name")
