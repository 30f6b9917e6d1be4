"""The rules of the graph, kept by every manifest: names that lead somewhere, and no cycle without a trigger.

A rule is a function from a manifest to complaints; its docstring is the sentence that `docs/manifest.md` prints. What
else is needed to start the system is in `harness.manifest.run_rules`.

What is declared wrongly but clearly (a trigger that breaks its own rules, an edge that is not there) is no complaint:
the model derives from it, and a run finds the mismatch.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise

from harness.manifest.complaint import Complaint, closest
from harness.manifest.model import Edge, Effect, Manifest, Node, Pending, Trigger
from harness.manifest.source import KeyPath

__all__ = ["ALWAYS", "Rule", "normal_step", "own_steps"]

Rule = Callable[[Manifest], Iterator[Complaint]]


def names_are_unique(manifest: Manifest) -> Iterator[Complaint]:
    """No two processes, resources, nodes, workflows, effects of a node, or edges have the same name."""
    for table in ("process", "resource", "node", "workflow"):
        items = getattr(manifest, table)
        yield from _repeated(f"[[{table}]]", [((table, i, "name"), item.name) for i, item in enumerate(items)])
    for index, node in enumerate(manifest.node):
        named: list[tuple[KeyPath, str]] = [
            (("node", index, "effects", i, "name"), effect.name) for i, effect in enumerate(node.effects)
        ]
        yield from _repeated(f"effect of node {node.name!r}", named)


def _repeated(what: str, named: Iterable[tuple[KeyPath, str]]) -> Iterator[Complaint]:
    seen: Counter[str] = Counter()
    for at, name in named:
        seen[name] += 1
        if seen[name] > 1:
            yield Complaint(
                at=at,
                what=f'a second {what} is called "{name}"',
                expected="a name of its own",
                value=f"{name[:60]}-{seen[name]}",
            )


def edges_are_unique(manifest: Manifest) -> Iterator[Complaint]:
    """Two edges between the same nodes are told apart by `as`."""
    seen: Counter[str] = Counter()
    for index, edge in enumerate(manifest.edge):
        seen[edge.key] += 1
        if seen[edge.key] > 1:
            yield Complaint(
                at=("edge", index),
                what=f'a second edge is called "{edge.key}"',
                expected="a name of its own for one of them, by the key as",
                value=f"{(edge.as_ or edge.to)[:60]}-{seen[edge.key]}",
                to=("edge", index, "as"),
            )


def link_names_are_clear(manifest: Manifest) -> Iterator[Complaint]:
    """`{link:NAME}` means one thing: nothing is called `world`, and no resource is called as a process."""
    processes = {process.name for process in manifest.process}
    for table in ("process", "resource"):
        for index, item in enumerate(getattr(manifest, table)):
            taken = {"world"} if table == "process" else {"world", *processes}
            if item.name in taken:
                yield Complaint(
                    at=(table, index, "name"),
                    what=f"{{link:{item.name}}} would have two meanings",
                    expected="a name that is neither world nor that of another process or resource",
                    value=f"{item.name[:50]}-{table}",
                )


def there_are_nodes(manifest: Manifest) -> Iterator[Complaint]:
    """There is at least one node."""
    if not manifest.node:
        process = manifest.process[0].name if manifest.process else "orders"
        yield Complaint(
            at=("node",),
            what="the manifest has no node, so there is nothing to derive a boundary of",
            expected="one [[node]] for each handler that does a unit of work",
            fix=f'[[node]]\nname = "{process}"\nprocess = "{process}"',
        )


def node_processes_exist(manifest: Manifest) -> Iterator[Complaint]:
    """A node runs in a process that is declared. (A manifest without any process only derives boundaries.)"""
    known = [process.name for process in manifest.process]
    for index, node in enumerate(manifest.node if known else ()):
        if node.process not in known:
            declare = f'[[process]]\nname = "{node.process}"\nstart = ["./{node.process}", "--port", "{{port}}"]'
            what = f'node "{node.name}" runs in a process that is not declared'
            yield _stray(("node", index, "process"), node.process, known, what, "process", declare)


def edges_lead_to_nodes(manifest: Manifest) -> Iterator[Complaint]:
    """Both ends of an edge are nodes that are declared."""
    known = [node.name for node in manifest.node]
    for index, edge in enumerate(manifest.edge):
        for key, end in (("from", edge.from_), ("to", edge.to)):
            if end not in known:
                what = f'edge "{edge.key}" {"starts" if key == "from" else "leads"} nowhere: no node is called "{end}"'
                other = edge.to if key == "from" else edge.from_
                yield _stray(("edge", index, key), end, known, what, "node", _declared_node(end, manifest), other)


def submit_node_exists(manifest: Manifest) -> Iterator[Complaint]:
    """Work is submitted to a node that is declared."""
    known = [node.name for node in manifest.node]
    if manifest.submit and manifest.submit.node not in known:
        what = f'work is submitted to a node that is not declared: "{manifest.submit.node}"'
        declare = _declared_node(manifest.submit.node, manifest)
        yield _stray(("submit", "node"), manifest.submit.node, known, what, "node", declare)


def submit_goes_through_a_process(manifest: Manifest) -> Iterator[Complaint]:
    """A process that takes the request instead of the node's own (`through`) is declared."""
    known = [process.name for process in manifest.process]
    through = manifest.submit.through if manifest.submit else None
    if through and through not in known:
        what = f'work goes through a process that is not declared: "{through}"'
        declare = f'[[process]]\nname = "{through}"\nstart = ["./{through}", "--port", "{{port}}"]'
        yield _stray(("submit", "through"), through, known, what, "process", declare)


def workflow_nodes_exist(manifest: Manifest) -> Iterator[Complaint]:
    """A workflow names nodes that are declared."""
    known = [node.name for node in manifest.node]
    for index, workflow in enumerate(manifest.workflow):
        for number, name in enumerate(workflow.nodes):
            if name not in known:
                what = f'workflow "{workflow.name}" names a node that is not declared: "{name}"'
                at: KeyPath = ("workflow", index, "nodes", number)
                yield _stray(at, name, known, what, "node", _declared_node(name, manifest))


def compensated_effects_exist(manifest: Manifest) -> Iterator[Complaint]:
    """A compensation names an effect that is declared and is no compensation itself; some effect may be refused."""
    effects = [effect for node in manifest.node for effect in node.effects]
    forward = [effect.name for effect in effects if effect.compensates is None]
    for index, node in enumerate(manifest.node):
        for number, effect in enumerate(node.effects):
            at: KeyPath = ("node", index, "effects", number)
            if effect.compensates is not None and effect.compensates not in forward:
                yield Complaint(
                    at=(*at, "compensates"),
                    what=f'effect "{effect.name}" compensates "{effect.compensates}", which nothing does',
                    expected=f"an effect that is no compensation itself: {', '.join(forward) or 'there is none yet'}",
                    value=closest(effect.compensates, forward) or (forward[0] if forward else None),
                )
            elif effect.compensates is not None and not any(each.may_reject for each in effects):
                yield Complaint(
                    at=(*at, "compensates"),
                    what=f'nothing ever calls for the compensation "{effect.name}"',
                    expected="may_reject = true at the effect whose refusal it answers",
                    fix="may_reject = true   at that effect",
                )


def resources_exist(manifest: Manifest) -> Iterator[Complaint]:
    """A broker or store that is named by `resource` is declared."""
    known = [resource.name for resource in manifest.resource]
    for at, name, kind in _named_resources(manifest):
        if name not in known:
            declare = f'[[resource]]\nname = "{name}"\nkind = "{kind}"'
            yield _stray(at, name, known, f'no resource is called "{name}"', "resource", declare)


def _named_resources(manifest: Manifest) -> Iterator[tuple[KeyPath, str, str]]:
    """Place, name and usual kind of every resource that something is read from or published to."""
    if manifest.submit and manifest.submit.publish:
        yield ("submit", "publish", "resource"), manifest.submit.publish.resource, "nats"
    places: list[tuple[KeyPath, Effect | Pending]] = [(("pending", i), each) for i, each in enumerate(manifest.pending)]
    for index, node in enumerate(manifest.node):
        places += [(("node", index, "effects", number), effect) for number, effect in enumerate(node.effects)]
    for at, source in places:
        for kind, named in (("nats", source.nats), ("redis", source.redis)):
            if named:
                yield (*at, kind, "resource"), named.resource, kind
    for index, reader in enumerate(manifest.pending):
        if reader.engine:
            yield ("pending", index, "engine", "resource"), reader.engine.resource, "restate"


def pending_edges_exist(manifest: Manifest) -> Iterator[Complaint]:
    """A reader of pending work names an edge that is declared, or `client -> NODE` where `[submit]` has a trigger."""
    known = [edge.key.replace("->", " -> ") for edge in manifest.edge]
    if manifest.submit and manifest.submit.trigger:
        known.append(f"client -> {manifest.submit.node}")
    nodes = {node.name for node in manifest.node}
    if not all({edge.from_, edge.to} <= nodes for edge in manifest.edge):
        return  # the edge's own name is wrong, which is said already
    for index, reader in enumerate(manifest.pending):
        start, _, end = reader.edge.partition("->")
        if f"{start} -> {end}" not in known:
            declare = f'[[edge]]\nfrom = "{start}"\nto = "{end}"\nawaits = false'
            what = f'pending work is read for an edge that is not declared: "{reader.edge}"'
            yield _stray(("pending", index, "edge"), f"{start} -> {end}", known, what, "edge", declare)


def _stray(at: KeyPath, name: str, known: list[str], what: str, table: str, declare: str, not_: str = "") -> Complaint:
    """A name that leads nowhere: write the name that was meant, or declare it.

    known: the names that exist. table: where they are declared. declare: the lines that would declare this one, each a
    key but the first. not_: a name that is known and cannot be meant here.
    """
    meant = closest(name, known)
    others = [other for other in known if other != not_] or known
    return Complaint(
        at=at,
        what=what,
        expected=f"a name in one of the [[{table}]]: {', '.join(known) or 'there is none yet'}",
        value=meant or (others[0] if others else None),
        fix="" if known else declare,
        other_way="" if meant or not known else "declare it: " + declare.replace("\n", " ", 1).replace("\n", ", "),
    )


def _declared_node(name: str, manifest: Manifest) -> str:
    processes = [process.name for process in manifest.process] or [node.process for node in manifest.node]
    return f'[[node]]\nname = "{name}"\nprocess = "{processes[0] if processes else name}"'


def steps_are_known(manifest: Manifest) -> Iterator[Complaint]:
    """The steps of a node are its own effects (`"charge"`) and edges (`"-> payments"`), each once."""
    for index, node in enumerate(manifest.node):
        known = own_steps(node, manifest)
        seen: set[str] = set()
        for number, step in enumerate(node.steps or ()):
            normal = normal_step(step)
            if normal not in known or normal in seen:
                yield _wrong_step(("node", index, "steps", number), node, normal, known, seen)
            seen.add(normal)


def _wrong_step(at: KeyPath, node: Node, step: str, known: list[str], seen: set[str]) -> Complaint:
    left = [name for name in known if name not in seen and name not in map(normal_step, node.steps or ())]
    meant = closest(step, left) or (left[0] if left else None)
    others = [name for number, name in enumerate(node.steps or ()) if number != at[-1]]
    return Complaint(
        at=at,
        what=f'node "{node.name}" has {"the step" if step in known else "no step"} "{step}"'
        + (" twice" if step in known else ""),
        expected="its effects and edges, each once: " + (", ".join(known) or "it has none"),
        value=meant or others,
        to=at if meant else at[:-1],
    )


def own_steps(node: Node, manifest: Manifest) -> list[str]:
    """The steps that this node has, in the order they have by themselves: effects, then edges as in the file."""
    edges = [f"-> {edge.as_ or edge.to}" for edge in manifest.edge if edge.from_ == node.name]
    return [effect.name for effect in node.effects] + edges


def normal_step(text: str) -> str:
    """Normal form of a step: `->x` and `-> x` are the same step."""
    return f"-> {text[2:].strip()}" if text.startswith("->") else text


def two_way_edges_do_not_await(manifest: Manifest) -> Iterator[Complaint]:
    """A two-way edge does not await: its answer comes to a handler of its own."""
    for index, edge in enumerate(manifest.edge):
        if edge.two_way and edge.awaits:
            yield Complaint(
                at=("edge", index, "awaits"),
                what=f'edge "{edge.key}" is two-way and would also await its answer',
                expected="false, because the answer comes to a handler of its own",
                value=False,
            )


def cycles_have_a_trigger(manifest: Manifest) -> Iterator[Complaint]:
    """Every cycle is cut by an edge with an effective trigger: without one, no invocation in it ever completes."""
    edges = {index: edge for index, edge in enumerate(manifest.edge) if edge.trigger is None or _flaw(edge.trigger)}
    while cycle := _cycle([(edge.from_, edge.to) for edge in edges.values()]):
        inside = set(pairwise(cycle))
        last = max(index for index, edge in edges.items() if (edge.from_, edge.to) in inside)
        yield _cycle_complaint(last, edges[last], cycle)
        cut = (edges[last].from_, edges[last].to)
        edges = {index: edge for index, edge in edges.items() if (edge.from_, edge.to) != cut}


def _flaw(trigger: Trigger) -> tuple[str, object] | None:
    """The first rule that this trigger breaks, as (key, what it would have to be); such a trigger cuts nothing."""
    rules: dict[str, object] = {
        "acknowledged": "after_set",
        "durable": True,
        "redriven": True,
        "discharged": "after_work",
    }
    if trigger.kind in ("human", "caller"):
        rules |= {"waits": True, "key": "stable"}
    return next(((key, right) for key, right in rules.items() if getattr(trigger, key) != right), None)


def _cycle(arrows: list[tuple[str, str]]) -> list[str]:
    """The nodes of one cycle, first and last the same; empty where there is none."""
    sorter: TopologicalSorter[str] = TopologicalSorter()
    for start, end in arrows:
        sorter.add(end, start)
    try:
        sorter.prepare()
    except CycleError as error:
        cycle: list[str] = error.args[1]
        return cycle
    return []


def _cycle_complaint(index: int, edge: Edge, cycle: list[str]) -> Complaint:
    turn = cycle.index(edge.to)
    around = [*cycle[turn:-1], *cycle[:turn], edge.to]
    flaw = _flaw(edge.trigger) if edge.trigger else None
    key, value = flaw or ("", {"placement": "callee", "kind": "inbox"})
    at: KeyPath = ("edge", index, "trigger")
    return Complaint(
        at=(*at, key) if flaw else at,
        what=f"a cycle without {'an effective' if flaw else 'a'} trigger: {' -> '.join(around)}",
        expected="a trigger on at least one edge of the cycle, so that one invocation ends before the next begins",
        got=None if flaw else f'edge "{edge.key}" without a trigger',
        value=value,
    )


ALWAYS: tuple[Rule, ...] = (
    there_are_nodes,
    names_are_unique,
    edges_are_unique,
    link_names_are_clear,
    node_processes_exist,
    edges_lead_to_nodes,
    submit_node_exists,
    submit_goes_through_a_process,
    workflow_nodes_exist,
    compensated_effects_exist,
    steps_are_known,
    two_way_edges_do_not_await,
    cycles_have_a_trigger,
    resources_exist,
    pending_edges_exist,
)
"""What every manifest keeps, also one that is only there to derive boundaries."""
