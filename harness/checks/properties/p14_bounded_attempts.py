"""P14: attempts stay within the budgets that are declared, and end with the discharge of their trigger.

A budget can be held against what is seen only where both sides of it can be seen: how often a trigger was set (its
caller's invocations) and how often its target was invoked. Undeclared retries are found the same way: an edge without
`retries` allows one call for each invocation of the caller.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator

from harness.checks.evidence import Evidence, Trail
from harness.checks.expectation import ExpectedBoundary, ExpectedCall, ExpectedNode
from harness.checks.property import Code, Judgement, Property
from harness.checks.sight import at_node, world_effects
from harness.checks.verdict import Violation
from harness.history import Kind

__all__ = ["PROPERTY"]

CLIENT = "client"
ZOMBIE = 1
"""So many attempts may still be under way when a trigger is discharged."""

EXCEEDED = Code(
    code="RT210",
    title="more attempts than declared",
    means="A node was invoked more often for one piece of work than the declared budgets allow: the attempts of its "
    "trigger, or one call and the declared retries for each invocation of its caller. Load that nobody reckoned with.",
    causes=(
        "a client library, a proxy or a framework retries by itself",
        "the budget begins anew with each redelivery or restart",
        "the declaration is not what is configured",
    ),
    fixes=(
        "switch hidden retries off, or declare them: `retries` of the edge, `attempts` of the trigger",
        "keep the count of attempts with the trigger, where a restart does not forget it",
    ),
    exposed_by=("refuse a link until detect", "kill at @recv", "kill at @applied"),
)
DRIVEN_ON = Code(
    code="RT211",
    title="driven on after its discharge",
    means="The trigger of a piece of work was discharged, nobody set it again, and its work is still attempted: "
    "something else drives it that does not know of the discharge, and that nobody has declared.",
    causes=(
        "a retry loop in memory beside the durable trigger",
        "two records of the same work, of which one was removed",
    ),
    fixes=("leave the driving to one trigger", "ask before each attempt whether the work is still open"),
    exposed_by=("cut reply at @recv", "kill at @applied"),
)


def check(evidence: Evidence) -> Judgement:
    """Counts invocations against budgets, and attempts after discharges, up to the end of the drain."""
    judgement = Judgement(unexercised="no budget is declared of which both sides can be seen")
    links = _links(evidence)
    for trail in evidence.works.values():
        for budget in (*_of_triggers(evidence, trail), *_of_calls(evidence, trail, links)):
            judgement.exercised.add(budget[0])
            judgement.violations += [budget[1]] if budget[1] else []
        _judge_discharged(evidence, trail, judgement)
    return judgement


Budget = tuple[str, Violation | None]
"""A boundary whose budget can be judged, and the violation where it was exceeded."""


def _of_triggers(evidence: Evidence, trail: Trail) -> Iterator[Budget]:
    for boundary in evidence.expectation.boundaries:
        sets = _times_set(evidence, trail, boundary)
        node = evidence.nodes.get(boundary.target)
        if boundary.attempts and sets and node and (node.routed or world_effects(evidence, node.name)):
            places = _most_tried(evidence, trail, node)
            most = boundary.attempts * sets
            yield boundary.name, _exceeded(evidence, trail, node, places, most, f"{boundary.attempts} attempts")


def _most_tried(evidence: Evidence, trail: Trail, node: ExpectedNode) -> list[int]:
    """Invocations of a node with a route; of another one, attempts of the effect that was attempted most."""
    if node.routed:
        return _delivered(evidence, trail, node.name)
    tried = (trail.attempts.get(effect, []) for effect in world_effects(evidence, node.name))
    return max(([place for place in each if place < evidence.drain.index] for each in tried), key=len, default=[])


def _times_set(evidence: Evidence, trail: Trail, boundary: ExpectedBoundary) -> int | None:
    """How often a trigger was set at most; None where that cannot be seen."""
    callers = [call.caller for call in evidence.expectation.calls if call.boundary == boundary.name]
    times = [_times_invoked(evidence, trail, caller) for caller in callers]
    return None if None in times or not times else sum(each for each in times if each)


def _times_invoked(evidence: Evidence, trail: Trail, caller: str) -> int | None:
    if caller == CLIENT:
        return bisect_right(trail.submits, evidence.drain.index)
    node = evidence.nodes.get(caller)
    if node is None or not node.routed:
        return None
    return len(_delivered(evidence, trail, caller))


Links = dict[tuple[str, str], list[ExpectedCall]]
"""The calls that a tap cannot tell apart, by the link that they go over and the node that they go to."""


def _links(evidence: Evidence) -> Links:
    """Those links over which nothing goes but plain awaited calls to a node with a tap."""
    calls: Links = {}
    for call in evidence.expectation.calls:
        node = evidence.nodes.get(call.callee)
        if call.caller != CLIENT and node and node.routed:
            link = f"{evidence.processes.get(call.caller, '')}->{node.process}"
            calls.setdefault((link, node.name), []).append(call)
    return {key: alike for key, alike in calls.items() if all(call.awaits and not call.boundary for call in alike)}


def _of_calls(evidence: Evidence, trail: Trail, links: Links) -> Iterator[Budget]:
    """Plain awaited calls between two nodes with taps: one each, and the declared retries."""
    for (link, callee), alike in links.items():
        node = evidence.nodes[callee]
        times = [_times_invoked(evidence, trail, call.caller) for call in alike]
        if None not in times:
            most = sum((call.retries + 1) * (count or 0) for call, count in zip(alike, times, strict=True))
            places = [place for place in _delivered(evidence, trail, callee) if evidence.events[place].where == link]
            yield node.boundary, _exceeded(evidence, trail, node, places, most + _doubled(evidence, link), "the edge")


def _delivered(evidence: Evidence, trail: Trail, node: str) -> list[int]:
    return [place for place in trail.delivers.get(node, ()) if place < evidence.drain.index]


def _doubled(evidence: Evidence, link: str) -> int:
    """Deliveries that the harness itself doubled on a link."""
    if "dup" not in evidence.struck_verbs:
        return 0
    return sum(words.startswith(f"dup {link} ") for words in evidence.struck)


def _exceeded(
    evidence: Evidence, trail: Trail, node: ExpectedNode, places: list[int], most: int, whose: str
) -> Violation | None:
    if len(places) <= most:
        return None
    place = places[most]
    return at_node(
        evidence,
        trail,
        node.name,
        (place,),
        code=EXCEEDED.code,
        prop=PROPERTY.id,
        what=f"{node.name} was invoked {len(places)} times for work {trail.work}, more than its budget allows",
        expected=f"{most} times at most, by the declaration of {whose}",
        got=f"{len(places)} times",
        likely="something retries that is not declared, or the budget is not kept over a restart",
        kind="often",
        effect=evidence.events[place].where if evidence.events[place].kind is Kind.ATTEMPT else "",
    )


def _judge_discharged(evidence: Evidence, trail: Trail, judgement: Judgement) -> None:
    for edge in evidence.expectation.edges:
        since = _discharged(evidence, trail, edge.name)
        boundary = evidence.boundaries.get(edge.boundary)
        if since is None or boundary is None or _set_again(evidence, trail, boundary, since):
            continue
        judgement.exercised.add(boundary.name)
        node = evidence.nodes.get(boundary.target)
        later = [place for place in _attempts(evidence, trail, node) if place > since] if node else []
        if node and len(later) > ZOMBIE:
            judgement.violations.append(_driven_on(evidence, trail, node, since, later[ZOMBIE]))


def _discharged(evidence: Evidence, trail: Trail, edge: str) -> int | None:
    """The reading of a store that no longer lists the work, and after which none does; None without one."""
    since = evidence.discharges(edge).get(trail.work, evidence.drain.index)
    return since if since < evidence.drain.index else None


def _set_again(evidence: Evidence, trail: Trail, boundary: ExpectedBoundary, since: int) -> bool:
    """Whether it may have been set once more, or a frame that was paused may still act."""
    callers = [call.caller for call in evidence.expectation.calls if call.boundary == boundary.name]
    again = [place for name in callers for place in trail.delivers.get(name, ()) if place > since]
    again += [place for place in trail.submits if since < place < evidence.drain.index]
    unseen = any(_times_invoked(evidence, trail, name) is None for name in callers)
    return bool(again) or unseen or not callers or not evidence.struck_verbs.isdisjoint(("pause", "hold"))


def _attempts(evidence: Evidence, trail: Trail, node: ExpectedNode) -> list[int]:
    effects = world_effects(evidence, node.name)
    places = [place for effect in effects for place in trail.attempts.get(effect, ())]
    return sorted(place for place in places if place < evidence.drain.index)


def _driven_on(evidence: Evidence, trail: Trail, node: ExpectedNode, since: int, place: int) -> Violation:
    effect = evidence.events[place].where
    return at_node(
        evidence,
        trail,
        node.name,
        (since, place),
        code=DRIVEN_ON.code,
        prop=PROPERTY.id,
        what=f"{effect} is attempted for work {trail.work} although its trigger was discharged and not set again",
        expected="no attempt after the discharge",
        got="attempts go on",
        likely="something else drives it that does not know of the discharge",
        kind="often",
        effect=effect,
    )


PROPERTY = Property(
    id="P14",
    name="bounded attempts",
    statement="attempts stay within the declared budgets, and stop after discharge",
    kind="safety",
    check=check,
    specific=12,
    codes=(EXCEEDED, DRIVEN_ON),
)
