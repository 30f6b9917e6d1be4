"""P6: what a fault makes run again lies within what the boundaries allow; everything else is left alone and goes on.

The history says for each fault, and for each other cause that may show, which nodes it may lead to. A node that was
invoked more often than in a run where nothing goes wrong needs such a cause. How often is not bounded here: whoever
owns the work tries again until the outage is over.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from harness.checks.evidence import Evidence, Trail
from harness.checks.expectation import ExpectedBoundary, ExpectedNode, Spread
from harness.checks.missing import by_boundary, missing, missing_at
from harness.checks.property import Code, Judgement, Property
from harness.checks.sight import at_node, in_words, repeats, tries, world_effects
from harness.checks.verdict import Violation
from harness.history import Event, Kind

__all__ = ["PROPERTY", "allowed"]

BEYOND = Code(
    code="RT301",
    title="invoked again outside the boundary",
    means="A node was invoked again for a piece of work although no fault of this case, and nothing else that was seen "
    "to go wrong, may lead to that by the boundaries that are declared. The impact spreads further than it should.",
    causes=(
        "a call is awaited that is declared as a hand-off, so its failure is the caller's failure too",
        "a message is published again by somebody who had its confirm",
        "a node that answers from its record by declaration does the work again and calls on",
    ),
    fixes=(
        "cut the call with a trigger: make it durable, and go on without waiting",
        "or declare what is there, and read off how far each boundary reaches",
    ),
    exposed_by=("kill of the callee at @recv or @applied", "refuse or black-hole a link to a partner"),
)
HELD_UP = Code(
    code="RT302",
    title="held up by a fault elsewhere",
    means="A piece of work that no fault named was never finished in a boundary that no fault of this case may touch.",
    causes=(
        "one worker for all keys, blocked by the one that fails",
        "a shared lock, transaction or connection that the broken piece of work keeps",
    ),
    fixes=(
        "set the failing work aside and take the next one",
        "bound how long one piece of work may hold what is shared",
    ),
    exposed_by=("kill at @recv", "black-hole the link to a partner"),
)


def check(evidence: Evidence) -> Judgement:
    """Holds each repeated invocation against the causes that were seen."""
    judgement = Judgement(unexercised="nothing went wrong, so there was nothing to contain")
    expectation = evidence.expectation
    if not expectation.spreads:
        judgement.unexercised = "the history does not say what its faults may lead to"
        return judgement
    seen = [node for node in expectation.nodes if node.routed or world_effects(evidence, node.name)]
    if evidence.landed:
        judgement.exercised.update(node.boundary for node in seen)
        judgement.remark = f"seen: {in_words(evidence)}{_predicted(evidence, seen)}"
    for trail in evidence.works.values():
        if trail.submits[0] < evidence.drain.index:
            reach = allowed(evidence, trail)
            judgement.violations += _beyond(evidence, trail, seen, reach)
            judgement.violations += _held_up(evidence, trail, reach)
    return judgement


def _predicted(evidence: Evidence, seen: list[ExpectedNode]) -> str:
    """What had to be invoked again by the prediction, beside what was; for the reader, since a must breaks nothing."""
    spreads = [s for s in evidence.expectation.spreads if s.must and _is_struck(evidence, s)]
    must = list(dict.fromkeys(node for spread in spreads for node in spread.must))
    works = {spread.work for spread in spreads} & evidence.works.keys()
    again = [n.name for n in seen if any(len(_tried(evidence, n, evidence.works[w])) > n.paths for w in works)]
    return f"; must again: {', '.join(must)}; seen again: {', '.join(again) or 'none'}" if must else ""


def _is_struck(evidence: Evidence, spread: Spread) -> bool:
    return spread.cause == "fault" and spread.name in evidence.struck


def _tried(evidence: Evidence, node: ExpectedNode, trail: Trail) -> list[int]:
    """Invocations of a node, or attempts of the effect that shows most of them."""
    places = tries(evidence, node, trail, evidence.drain.index)
    effects = {evidence.events[place].where for place in places}
    return (
        places
        if node.routed
        else max(([p for p in places if evidence.events[p].where == e] for e in effects), key=len, default=[])
    )


def allowed(evidence: Evidence, trail: Trail) -> frozenset[str]:
    """The nodes that may be invoked again for this work, by everything that was seen to go wrong."""
    several, alone = (evidence.spreads_about.get(work, []) for work in ("", trail.work))
    about = [*(spread for spread in several if spread.is_about(trail.work)), *alone]
    return frozenset(node for spread in about if _happened(evidence, trail, spread) for node in spread.nodes)


def _happened(evidence: Evidence, trail: Trail, spread: Spread) -> bool:
    if spread.cause == "fault":
        return spread.name in evidence.struck
    if spread.cause == "call":
        return _gave_up(evidence, trail, spread.name)
    if spread.cause == "lease":
        return _ran_out(evidence, trail, evidence.boundaries[spread.name])
    return spread.name in evidence.exited


def _gave_up(evidence: Evidence, trail: Trail, call: str) -> bool:
    """Whether a caller's own time was up before it had an answer. That it got an error is no such thing."""
    caller, _, callee = call.partition("->")
    if caller == "client":
        return any(evidence.events[place].data.get("late") for place in trail.answers)
    link = f"{evidence.processes.get(caller, '')}->{evidence.processes.get(callee, '')}"
    replies = (evidence.events[place] for place in trail.replies.get(callee, ()))
    return any(reply.where == link and reply.data.get("late") for reply in replies)


def _ran_out(evidence: Evidence, trail: Trail, boundary: ExpectedBoundary) -> bool:
    """Whether so much time lay between two invocations in a boundary that a claim may have run out in between."""
    if boundary.placement == "root":
        return False
    nodes = (node for node in evidence.expectation.nodes if node.name in boundary.nodes)
    least_s = boundary.lease_s or boundary.max_detect_s
    return any(
        later.at_s - earlier.at_s >= least_s for node in nodes for earlier, later in _pairs(evidence, trail, node)
    )


def _pairs(evidence: Evidence, trail: Trail, node: ExpectedNode) -> Iterator[tuple[Event, Event]]:
    events = [evidence.events[place] for place in tries(evidence, node, trail, evidence.drain.index)]
    return pairwise(events)


def _beyond(evidence: Evidence, trail: Trail, seen: list[ExpectedNode], reach: frozenset[str]) -> Iterator[Violation]:
    for node in seen:
        again = repeats(evidence, node, trail, evidence.drain.index) if node.name not in reach else []
        if again:
            yield _told(evidence, trail, node, again[0], reach)


def _told(evidence: Evidence, trail: Trail, node: ExpectedNode, place: int, reach: frozenset[str]) -> Violation:
    event = evidence.events[place]
    within = ", ".join(each.name for each in evidence.expectation.nodes if each.name in reach)
    caller = next((c.caller for c in evidence.expectation.calls if c.callee == node.name and c.caller in reach), "")
    return at_node(
        evidence,
        trail,
        node.name,
        (place,),
        code=BEYOND.code,
        prop=PROPERTY.id,
        what=f"{node.name} was invoked again for work {trail.work}, which nothing that went wrong may lead to",
        expected=f"again at most: {within}" if within else "nothing invoked again",
        got=f"{node.name} invoked {event.n or 2} times",
        likely=f"{caller} called it again" if caller else _likely(evidence, node),
        kind="again",
        effect=event.where if event.kind is Kind.ATTEMPT else "",
    )


def _likely(evidence: Evidence, node: ExpectedNode) -> str:
    if node.name == evidence.expectation.submit_node:
        return "whoever submits it had no answer that means yes, and tried again: it fails over what it hands off"
    return "its caller waits for what it was declared to hand off"


def _held_up(evidence: Evidence, trail: Trail, reach: frozenset[str]) -> Iterator[Violation]:
    """Accepted work that no fault names, missing in an owned boundary of which no node may be touched."""
    ending = evidence.drain
    accepted = trail.first_ok is not None and trail.first_ok < ending.index
    if not accepted or not ending.decides or evidence.faults_missed or trail.work in evidence.struck_works:
        return
    touched = {node.boundary for node in evidence.expectation.nodes if node.name in reach}
    absent = missing_at(evidence, trail, evidence.expected_effects(), ending)
    for boundary, effects in by_boundary(absent).items():
        if boundary and boundary not in touched and evidence.landed:
            names = " and ".join(effect.name for effect in effects)
            yield missing(
                evidence,
                trail,
                effects,
                ending,
                code=HELD_UP.code,
                prop=PROPERTY.id,
                what=f"work {trail.work} was accepted and {names} never took effect, though every fault was elsewhere",
                expected="once",
                got=f"0 times until {ending.state}",
            )


PROPERTY = Property(
    id="P6",
    name="containment",
    statement="what is invoked beyond the fault-free run lies within the prediction; other keys and boundaries go on",
    kind="safety",
    check=check,
    specific=35,
    codes=(BEYOND, HELD_UP),
    danger=True,
)
