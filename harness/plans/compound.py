"""Several faults at once: the combinations that have broken real systems, and all pairs inside a boundary.

A single fault meets a healthy system. What a system does while it recovers is another matter: the second attempt is
hurt as well, the one who would repeat is dead too, the broker and its user die together. `compound` lists those; it
grows with the number of gaps, not with its square. `pairs` crosses every two faults that one owner has to answer for:
faults in different boundaries meet only at the frontier between them, where both boundaries have a part.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations

from harness.boundaries import derive
from harness.manifest.graph import graph_of
from harness.manifest.model import Manifest
from harness.manifest.placeholders import links
from harness.plans.gaps import Gap, called_for, gaps, killable, plan_of, processes_ahead, processes_beside, single
from harness.plans.model import Fault, Plan, Point

__all__ = ["compound", "pairs"]

Faults = tuple[Fault, ...]
COMMIT = "fdatasync"
"""The call of the kernel by which a file that was written before becomes durable, as at a commit."""
MANY_ATTEMPTS = 12
"""More than those make who give up. LONGEST_S: that an outage lasts for it, beyond what is declared anyway."""
LONGEST_S = 4.0
CROWD = 12
"""How many pieces of work make a crowd."""
MOST_LIVES = 4
"""How many attempts in a row are hurt at most, where the declaration sets no limit or a higher one."""


def compound(manifest: Manifest) -> list[Plan]:
    """The combinations worth having, at every gap where they mean something."""
    recipes = (
        _both_sides,
        _whole_path,
        _twice,
        _recovery,
        _lost_then_dead,
        _new_identity,
        _with_its_store,
        _others_go_on,
        _told_to_end,
        _partner_fails,
    )
    found = [faults for gap in gaps(manifest) for recipe in recipes for faults in recipe(manifest, gap)]
    found += [*_crash_loops(manifest), *_between_commits(manifest)]
    plans = [plan_of(manifest, *called_for(manifest, *faults)) for faults in dict.fromkeys(found)]
    return [*plans, *_crowds(manifest)]


def _kill(process: str, point: Point, n: int = 1) -> Fault:
    return Fault(verb="kill", target=process, point=replace(point, n=n))


def _again(fault: Fault, n: int = 2) -> Fault:
    """The same at the n-th arrival."""
    return replace(fault, point=replace(fault.point, n=n))


def _both_sides(manifest: Manifest, gap: Gap) -> Iterator[Faults]:
    """Who asks and who is asked die together, so neither can tell the other."""
    names = {process.name for process in killable(manifest)} | {resource.name for resource in manifest.resource}
    if {gap.caller, gap.callee} <= names and gap.caller != gap.callee:
        yield _kill(gap.caller, gap.point), _kill(gap.callee, gap.point)


def _whole_path(manifest: Manifest, gap: Gap) -> Iterator[Faults]:
    """All who wait for this, up to the owner: whoever merely retries is gone, and only a trigger remembers."""
    waiting = _waiting_for(manifest, gap)
    if len(waiting) > 1:
        yield tuple(_kill(process, gap.point) for process in waiting)
    if len(waiting) > 2:
        yield _kill(waiting[0], gap.point), _kill(waiting[-1], gap.point)


def _waiting_for(manifest: Manifest, gap: Gap) -> list[str]:
    """The killable processes that wait for what happens at this gap, the nearest first."""
    names = {process.name for process in killable(manifest)}
    process_of = {node.name: node.process for node in manifest.node}
    nodes = [node.name for node in manifest.node if node.process == gap.caller or node.name == gap.point.where]
    for name in nodes:  # grows while it is walked
        nodes += [edge.from_ for edge in manifest.edge if edge.to == name and edge.awaits and edge.from_ not in nodes]
    beside = processes_beside(manifest, gap)
    found = [*reversed(beside), *(process_of[name] for name in nodes)]
    return [name for name in dict.fromkeys(found) if name in names]


def _twice(manifest: Manifest, gap: Gap) -> Iterator[Faults]:
    """The second attempt is hurt where the first was."""
    for process in processes_beside(manifest, gap):
        yield _kill(process, gap.point), _kill(process, gap.point, 2)
    if gap.point.name in ("deliver", "recv"):
        lost = Fault(verb="cut", direction="reply", target=gap.link, point=gap.point)
        yield lost, _again(lost)
        unheard = replace(lost, direction="request")
        yield unheard, _again(unheard)


def _recovery(manifest: Manifest, gap: Gap) -> Iterator[Faults]:
    """It dies, and dies again while it is coming back, or at the first thing that it then does for the same work."""
    for process in processes_beside(manifest, gap):
        yield (
            _kill(process, gap.point),
            Fault(verb="kill", target=process, point=Point(name="ready", where=process, n=2)),
        )
    if gap.point.name == "applied" and gap.caller in {process.name for process in killable(manifest)}:
        yield _kill(gap.caller, gap.point), _kill(gap.caller, replace(gap.point, name="recv"), 2)


def _lost_then_dead(manifest: Manifest, gap: Gap) -> Iterator[Faults]:
    """The reply is lost, and the one who would ask again dies when he does."""
    if gap.point.name in ("deliver", "recv") and gap.caller in {process.name for process in killable(manifest)}:
        lost = Fault(verb="cut", direction="reply", target=gap.link, point=gap.point)
        yield lost, _kill(gap.caller, gap.point, 2)


def _new_identity(manifest: Manifest, gap: Gap) -> Iterator[Faults]:
    """It comes back under another name, as a replaced container does."""
    if gap.point.name in ("reply", "applied"):
        for process in processes_beside(manifest, gap):
            yield (Fault(verb="replace", target=process, point=gap.point),)


def _with_its_store(manifest: Manifest, gap: Gap) -> Iterator[Faults]:
    """A broker or database dies together with a process that still has to use it."""
    resources = {resource.name for resource in manifest.resource}
    for user, target in sorted(links(manifest)):
        if target in resources and user in processes_ahead(manifest, gap):
            yield _kill(target, gap.point), _kill(user, gap.point)


def _others_go_on(manifest: Manifest, gap: Gap) -> Iterator[Faults]:
    """One piece of work is stuck while another is done; then the process dies with both on its hands.

    Or it dies when it tries the stuck one again: the other is done and discharged by then, and what discharges "up to
    here" has discharged them both. Not where something is undone: of two works only the refused one comes there.
    """
    undoing = any(effect.name == gap.point.where and effect.compensates for n in manifest.node for effect in n.effects)
    if gap.point.name == "recv" and not undoing and gap.caller in {process.name for process in killable(manifest)}:
        stuck = Fault(verb="hold", target=gap.link, point=gap.point, until="detect")
        for name in ("recv", "applied"):
            yield stuck, _kill(gap.caller, replace(gap.point, name=name, work="w2"))
        yield stuck, _kill(gap.caller, gap.point, 2)


def _told_to_end(manifest: Manifest, gap: Gap) -> Iterator[Faults]:
    """It is told to end while it waits for its partner, and does not hear from him in time.

    A call that goes on meanwhile hides what is wrongly said on the way out: that all is done.
    """
    if gap.point.name == "recv" and gap.caller in {process.name for process in killable(manifest)}:
        unheard = Fault(verb="hold", target=gap.link, point=gap.point, until="detect")
        yield Fault(verb="terminate", target=gap.caller, point=gap.point), unheard


def _partner_fails(manifest: Manifest, gap: Gap) -> Iterator[Faults]:
    """The partner is up and answers with an error, at one effect of each node for longer than a few attempts take."""
    if gap.point.name == "recv":
        first = [effect.name for node in manifest.node for effect in node.effects[:1]]
        until = f"detect+{_long_s(manifest):.3g}" if gap.point.where in first and _long_s(manifest) else "detect"
        yield (Fault(verb="poison", target=gap.link, point=gap.point, until=until),)


def _long_s(manifest: Manifest) -> float:
    """How long more attempts take than anybody makes who means to give up; 0 where attempts are declared to end."""
    triggers = [edge.trigger for edge in manifest.edge if edge.trigger]
    if any(trigger.attempts != "unlimited" for trigger in triggers):
        return 0.0
    return min(LONGEST_S, MANY_ATTEMPTS * max((trigger.backoff_max_s for trigger in triggers), default=0.0))


def _between_commits(manifest: Manifest) -> Iterator[Faults]:
    """It dies as it makes its second commit durable, its third, and so on: what belongs together is one of them.

    No rendezvous lies between two commits, so these need `strace`. Only where a process has files, and as many as its
    longest node has steps, with one to claim, one to discharge, and the head of a new log.
    """
    for process in killable(manifest):
        nodes = [node for node in manifest.node if node.process == process.name]
        steps = [len(node.effects) + sum(edge.from_ == node.name for edge in manifest.edge) for node in nodes]
        if not (process.forks or process.container) and any("{data" in value for value in process.env.values()):
            for n in range(2, max(steps, default=1) + 4):
                yield (_kill(process.name, Point(name="syscall", where=COMMIT), n),)


def _crowds(manifest: Manifest) -> Iterator[Plan]:
    """Many pieces of work at once: they pile up behind a partner who is away, and a process dies in the midst of them.

    What is done for several at a time, or remembered of the last few only, shows with more than two.
    """
    firsts = {effect.name for node in manifest.node for effect in node.effects[:1] if not effect.compensates}
    killed = {process.name for process in killable(manifest)}
    for gap in gaps(manifest):
        if gap.point.name != "recv" or gap.point.where not in firsts:
            continue
        away = Fault(verb="refuse", target=gap.link, point=replace(gap.point, work="w3"), until="detect")
        dies = [_kill(gap.caller, replace(gap.point, name="applied", work="w5"))] if gap.caller in killed else []
        for fault in (away, *dies):
            yield replace(plan_of(manifest, fault), works=CROWD)


def _crash_loops(manifest: Manifest) -> Iterator[Faults]:
    """Every attempt but the last that is allowed dies at the same place."""
    allowed = {edge.to: edge.trigger.attempts for edge in manifest.edge if edge.trigger}
    for gap in gaps(manifest):
        if gap.point.name == "recv" and gap.caller in {process.name for process in killable(manifest)}:
            limits = [n for node in manifest.node if node.process == gap.caller and (n := allowed.get(node.name))]
            finite = [n - 1 for n in limits if isinstance(n, int)]
            lives = min([MOST_LIVES - 1, *finite])
            if lives > 2 or (finite and lives > 1):
                yield tuple(_kill(gap.caller, gap.point, n) for n in range(1, lives + 1))


def pairs(manifest: Manifest) -> list[Plan]:
    """Every two single faults that some boundary has a part in both of, and every fault at two attempts in a row."""
    # An owner who gives up is gone: what another fault leaves half done then is no fault of the system.
    faults = [plan.faults[0] for plan in single(manifest) if plan.faults[0].verb != "give"]
    owners = {fault: _owners(manifest, fault) for fault in faults}
    crossed = [pair for pair in combinations(faults, 2) if owners[pair[0]] & owners[pair[1]]]
    repeated = [(fault, _again(fault)) for fault in faults if fault.point.work]
    return [plan_of(manifest, *pair) for pair in [*repeated, *filter(_both_can_strike, crossed)]]


def _both_can_strike(pair: tuple[Fault, ...]) -> bool:
    """Two faults on one target at one point cannot both be told to have struck."""
    first, second = pair
    return (first.point, first.target) != (second.point, second.target)


def _owners(manifest: Manifest, fault: Fault) -> set[str | None]:
    """The boundaries that have a part in a fault: of the nodes on both sides of its point, and of what it strikes."""
    derived = derive(graph_of(manifest))
    point, nodes = fault.point, set()
    for node in manifest.node:
        own_effect = any(effect.name == point.where for effect in node.effects)
        if own_effect or node.name == point.where or (point.work and not point.where and _enters(manifest, node.name)):
            nodes.add(node.name)
        if not point.work and node.process == (point.where or fault.process):
            nodes.add(node.name)
    if point.name in ("deliver", "reply"):
        nodes |= {edge.from_ for edge in manifest.edge if edge.to == point.where}
    return {derived.owner[name] for name, instance in derived.instances.items() if instance.node.name in nodes}


def _enters(manifest: Manifest, node: str) -> bool:
    return manifest.submit is not None and manifest.submit.node == node
