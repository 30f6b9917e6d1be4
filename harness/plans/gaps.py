"""Every gap of a manifest, and every fault worth having in each: the enumeration behind `--explore single`.

The model says where a crash can matter: between making something durable and saying so, and between an effect and the
record of it. The harness can stop the system at the points around those gaps (`harness.plans.model`), so a sweep over
points times faults hits each of them. Gaps without a point of their own (a publish, a confirm) are reached by stopping
at the point before, cutting the link, and going on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from harness.manifest.copies import declared_name
from harness.manifest.model import Manifest, Node, Process
from harness.manifest.placeholders import links
from harness.plans.model import Fault, Plan, Point

__all__ = [
    "Gap",
    "called_for",
    "core",
    "faults_at",
    "gaps",
    "human_faults",
    "killable",
    "plan_of",
    "processes_ahead",
    "processes_beside",
    "refusable",
    "single",
]

WORK = "w1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """One point of the system and who stands on its two sides.

    point: where the harness can stop the system.
    caller: the process (or `client`) whose request is held. callee: the process, or `world`.
    """

    point: Point
    caller: str
    callee: str

    @property
    def link(self) -> str:
        """The arrow that the held request travels on."""
        return f"{self.caller}->{self.callee}"


def gaps(manifest: Manifest) -> list[Gap]:
    """The gaps in the order in which a fault-free run passes them, as far as the declaration tells."""
    return [*_entries(manifest), *_deliveries(manifest), *_effects(manifest)]


def _entries(manifest: Manifest) -> Iterator[Gap]:
    """Where work enters through a broker: the client stands before it publishes, and when it has the confirm."""
    submit = manifest.submit
    taker = submit and (submit.publish.resource if submit.publish else submit.through)
    if taker:
        for name in ("submit", "answer"):
            yield Gap(point=Point(name=name, work=WORK), caller="client", callee=taker)


def _deliveries(manifest: Manifest) -> Iterator[Gap]:
    for node in manifest.node:
        if node.route is None:
            continue
        for caller, callee in _callers(manifest, node):
            for name in ("deliver", "reply"):
                yield Gap(point=Point(name=name, where=node.name, work=WORK), caller=caller, callee=callee)


def _callers(manifest: Manifest, node: Node) -> list[tuple[str, str]]:
    """Who may hand work to this node: the client, and processes that a declared edge leads from.

    A process without a node of its own, such as a relay or a queue, may carry any call. All others have a link to the
    node's process for something else, as a worker that asks a queue for work.
    """
    submit, process = manifest.submit, node.process
    enters = submit is not None and not (submit.publish or submit.through)
    clients = [("client", process)] if enters and submit and _process_of(manifest, submit.node) == process else []
    users = {user for user, target in links(manifest) if target == process} - {"client"}
    working, calling = {each.process for each in manifest.node}, _neighbours(manifest, node)
    return clients + [
        (user, process)
        for user in sorted(users)
        if declared_name(user) in calling or declared_name(user) not in working
    ]


def _neighbours(manifest: Manifest, node: Node) -> set[str]:
    """The processes at the other ends of its edges: those that call it, and those that answer to a handler of it."""
    calling = {edge.from_ for edge in manifest.edge if edge.to == node.name}
    answering = {edge.to for edge in manifest.edge if edge.from_ == node.name and edge.two_way}
    return {_process_of(manifest, name) for name in calling | answering}


def _effects(manifest: Manifest) -> Iterator[Gap]:
    for node in manifest.node:
        for effect in node.effects:
            if effect.at is None:
                continue
            for name in ("recv", "applied"):
                yield Gap(point=Point(name=name, where=effect.name, work=WORK), caller=node.process, callee="world")


def _process_of(manifest: Manifest, node: str) -> str:
    return next((n.process for n in manifest.node if n.name == node), "")


def single(manifest: Manifest) -> list[Plan]:
    """All plans of one fault: every gap times every fault that can strike there."""
    faults = [fault for gap in gaps(manifest) for fault in faults_at(manifest, gap)]
    faults += [Fault(verb="kill", target=p.name, point=Point(name="ready", where=p.name)) for p in killable(manifest)]
    faults += [Fault(verb="kill", target=p.name, point=Point(name="quiet")) for p in killable(manifest)]
    faults += [*human_faults(manifest), *_given_up(manifest)]
    return [plan_of(manifest, *called_for(manifest, fault)) for fault in dict.fromkeys(faults)]


def called_for(manifest: Manifest, *faults: Fault) -> list[Fault]:
    """The faults; where one strikes a compensation, after the refusal without which there would be none."""
    undoing = {e.name for node in manifest.node for e in node.effects if e.compensates}
    nodes = {n.name for n in manifest.node if n.effects and all(effect.compensates for effect in n.effects)}
    if not any(fault.point.where in undoing | nodes for fault in faults):
        return list(faults)
    refusals = [
        Fault(verb="reject", target=g.link, point=g.point) for g in gaps(manifest) if _may_be_refused(manifest, g)
    ]
    return [*refusals[-1:], *faults]


def _may_be_refused(manifest: Manifest, gap: Gap) -> bool:
    return gap.point.name == "recv" and gap.point.where in refusable(manifest)


def human_faults(manifest: Manifest) -> list[Fault]:
    """What a human does whose work has to be done once all the same: he clicks twice."""
    if manifest.submit is None or manifest.submit.root != "human":
        return []
    return [Fault(verb="click", target="twice", point=Point(name="submit", work=WORK))]


def _given_up(manifest: Manifest) -> Iterator[Fault]:
    """He gives up while he waits. Alone only: with a second fault his work may well stay half done, for it is his."""
    if manifest.submit and manifest.submit.root == "human":
        for gap in gaps(manifest):
            if gap.caller == "client" and gap.point.name in ("deliver", "reply"):
                yield Fault(verb="give", target="up", point=gap.point)


def plan_of(manifest: Manifest, *faults: Fault) -> Plan:
    """A plan of these faults on this system."""
    return Plan(system=manifest.name, faults=faults, manifest=str(manifest.path))


def killable(manifest: Manifest) -> list[Process]:
    """The processes that the harness starts itself, and so may kill."""
    return [process for process in manifest.process if process.url is None]


def faults_at(manifest: Manifest, gap: Gap) -> Iterator[Fault]:
    """The faults that mean something at this gap."""
    for process in killable(manifest):
        yield Fault(verb="kill", target=process.name, point=gap.point)
        if process.forks and process.name == gap.caller:
            yield Fault(verb="kill", target=f"{process.name}/child", point=gap.point)
            yield Fault(verb="kill", target=f"{process.name}/parent", point=gap.point)
    for resource in manifest.resource:
        yield Fault(verb="kill", target=resource.name, point=gap.point)
    for side in processes_beside(manifest, gap):
        yield Fault(verb="terminate", target=side, point=gap.point)
        yield Fault(verb="pause", target=side, point=gap.point, until="detect")
    if gap.point.name in ("submit", "deliver", "recv"):
        yield Fault(verb="cut", direction="request", target=gap.link, point=gap.point)
        yield Fault(verb="cut", direction="reply", target=gap.link, point=gap.point)
        yield Fault(verb="blackhole", direction="reply", target=gap.link, point=gap.point)
        yield Fault(verb="refuse", target=gap.link, point=gap.point, until="detect")
        yield Fault(verb="hold", target=gap.link, point=gap.point, until="detect")
    if gap.point.name == "recv" and manifest.parked:
        yield Fault(verb="poison", target=gap.link, point=gap.point)
    if _may_be_refused(manifest, gap):
        yield Fault(verb="reject", target=gap.link, point=gap.point)
    if gap.point.name == "deliver":
        yield Fault(verb="dup", target=gap.link, point=gap.point)
    yield from _store_links(manifest, gap)


def refusable(manifest: Manifest) -> list[str]:
    """The effects that the partner may refuse for good."""
    return [effect.name for node in manifest.node for effect in node.effects if effect.may_reject]


def processes_beside(manifest: Manifest, gap: Gap) -> list[str]:
    """The killable processes on the two sides of a gap, the caller first."""
    names = {process.name for process in killable(manifest)}
    return [side for side in dict.fromkeys((gap.caller, gap.callee)) if side in names]


def _store_links(manifest: Manifest, gap: Gap) -> Iterator[Fault]:
    """Cuts of the links to and from brokers, databases and engines, and to a process that is asked like one.

    Only those of processes that still have something to do after this gap.
    """
    resources = {resource.name for resource in manifest.resource}
    stores = resources | {node.process for node in manifest.node}
    handed_over = {(user, process) for node in manifest.node for user, process in _callers(manifest, node)}
    ahead = processes_ahead(manifest, gap)
    for user, target in sorted(links(manifest)):
        asks = target in stores and user in ahead and (user, target) not in handed_over
        if asks or (user in resources and target in ahead):
            link = f"{user}->{target}"
            for direction in ("request", "reply"):
                yield Fault(verb="blackhole", direction=direction, target=link, point=gap.point, until="detect")
            yield Fault(verb="refuse", target=link, point=gap.point, until="detect")


def _node_of(manifest: Manifest, place: str) -> str:
    """The node that a point is about: itself, the one that has this effect, or the one where work enters."""
    if not place and manifest.submit:
        return manifest.submit.node
    owners = (node.name for node in manifest.node for effect in node.effects if effect.name == place)
    return place if any(node.name == place for node in manifest.node) else next(owners, place)


def processes_ahead(manifest: Manifest, gap: Gap) -> set[str]:
    """The processes that still have something to do after a gap: of its node and of every node behind it."""
    node = _node_of(manifest, gap.point.where)
    reached, queue = {node}, [node]
    while queue:
        queue = [edge.to for edge in manifest.edge if edge.from_ in queue and edge.to not in reached]
        reached |= set(queue)
    return {n.process for n in manifest.node if n.name in reached}


def core(manifest: Manifest) -> list[Plan]:
    """The handful of plans that separate the placements: both sides of every hand-off and of the effects.

    At the edge: the request lost, the reply lost, a kill once the service has answered; where work enters as a message,
    the same with the broker. In each node: a kill before its first effect at the world, a kill after its last one, and
    the reply to its last one lost. An effect that may be refused for good is refused.
    """
    faults: list[Fault] = []
    for gap in gaps(manifest):
        if gap.point.name in ("submit", "deliver") and gap.caller == "client":
            faults.append(Fault(verb="cut", direction="request", target=gap.link, point=gap.point))
            faults.append(Fault(verb="cut", direction="reply", target=gap.link, point=gap.point))
        if gap.point.name in ("answer", "reply") and gap.caller == "client":
            faults.append(Fault(verb="kill", target=gap.callee, point=gap.point))
        effects = _effects_beside(manifest, gap)
        before_first = bool(effects) and gap.point == Point(name="recv", where=effects[0], work=WORK)
        after_last = bool(effects) and gap.point == Point(name="applied", where=effects[-1], work=WORK)
        if before_first or after_last:
            faults.append(Fault(verb="kill", target=gap.caller, point=gap.point))
        if after_last:
            lost = Point(name="recv", where=effects[-1], work=WORK)
            faults.append(Fault(verb="cut", direction="reply", target=gap.link, point=lost))
        if _may_be_refused(manifest, gap):
            faults.append(Fault(verb="reject", target=gap.link, point=gap.point))
        if before_first and manifest.parked:
            faults.append(Fault(verb="poison", target=gap.link, point=gap.point))
    struck = {process.name for process in killable(manifest)} | {resource.name for resource in manifest.resource}
    possible = (f for f in dict.fromkeys(faults) if f.verb in ("cut", "reject", "poison") or f.process in struck)
    return [plan_of(manifest, *called_for(manifest, fault)) for fault in possible]


def _effects_beside(manifest: Manifest, gap: Gap) -> list[str]:
    """The world effects of the node whose effect this gap is about, in order."""
    for node in manifest.node:
        if any(effect.name == gap.point.where for effect in node.effects) and gap.callee == "world":
            return [effect.name for effect in node.effects if effect.at]
    return []
