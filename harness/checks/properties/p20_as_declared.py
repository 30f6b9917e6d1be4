"""P20: the system is built as its manifest says, as far as that shows without asking why.

Every other property measures a system against its declaration, so a wrong declaration would make all of them speak of
another system. Here are the contradictions that show directly: who calls whom, from where, with a key or without. The
violation names the key of the manifest, and reports add its line. Where another property is broken the declaration that
it rests on is named in the same way, because either of the two may be the wrong one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise

from harness.checks.duplicate import second_application
from harness.checks.evidence import Evidence, Trail
from harness.checks.expectation import ExpectedBoundary, ExpectedCall, ExpectedEffect, ExpectedNode
from harness.checks.property import Code, Judgement, Property
from harness.checks.sight import at_node, world_effects
from harness.checks.verdict import Violation
from harness.history import Kind

__all__ = ["PROPERTY"]

CLIENT = "client"
SURE_S = 1.0
"""By how much a claim must have been too short before a busy machine is no explanation."""

ELSEWHERE = Code(
    code="RT501",
    title="done by another process than declared",
    means="An effect was asked for by a process that does not run the node which is declared to make it. A kill of the "
    "declared process would hit something else than the report says.",
    causes=("the handler has moved, and the manifest has not", "two processes run the same code"),
    fixes=("correct `process` of the node, or declare a node for each process that does this",),
    exposed_by=("no fault at all",),
)
UNDECLARED = Code(
    code="RT502",
    title="called without a declared edge",
    means="A node was invoked by a process from which no declared edge leads to it, or took effect although no edge "
    "leads to it at all. Boundaries are derived from edges, so this one has a hole.",
    causes=("an edge is missing in the manifest", "a call that nobody knew of"),
    fixes=("declare the edge, with what is true of it: does the caller wait, is a trigger set?",),
    exposed_by=("no fault at all",),
)
KEYLESS = Code(
    code="RT503",
    title="repeated without a key",
    means="An effect whose sink is declared to recognise a repeat by its key was asked for again, without any key. The "
    "sink cannot recognise what it is not given.",
    causes=("the call carries no `Idempotency-Key`", 'the sink is plain, and "keyed" is only what everybody believes'),
    fixes=("send the key of the work", 'or declare sink = "plain", and see what can no longer be promised'),
    exposed_by=("kill at @recv", "kill at @applied", "cut reply at @recv"),
)
OTHER_WAY = Code(
    code="RT504",
    title="reached another way than declared",
    means="A node is reached in another way than its edge says: by a request where a queue is declared, or without one "
    "where a request is. Who waits, and who drives it again, is then another than the derived owner.",
    causes=(
        "the edge was changed from a call to a hand-off, or back, in the service or in the manifest alone",
        "a second way to the node that is not declared",
    ),
    fixes=("correct `awaits` and `trigger` of the edge",),
    exposed_by=("no fault at all",),
)
DONE_AGAIN = Code(
    code="RT505",
    title="done again although its record says complete",
    means="A node that is declared to answer from its record or log once it is complete took its steps again for work "
    "that it had completed. Boundaries promise less spill than there is.",
    causes=("the mark is not looked at, or forgotten", 'the node re-executes: work = "reexec" is what is true of it'),
    fixes=("look the mark up first", 'or declare work = "reexec", and let every step behind it recognise the key'),
    exposed_by=("no fault at all: everything is submitted again in the end", "dup at @deliver"),
)
SHORT_CLAIM = Code(
    code="RT506",
    title="claim shorter than declared",
    means="Work was taken up again long before the claim of the one who held it could have run out by the declaration. "
    "Whoever is merely slow is overtaken sooner than its author reckons with.",
    causes=("the configured lease or visibility timeout is another one", "a death is noticed at once, not by a lease"),
    fixes=("correct `lease_s`", 'or declare detect = "death"'),
    exposed_by=("kill at @recv", "pause at @recv until lease"),
)
REORDERED = Code(
    code="RT507",
    title="steps in another order than declared",
    means="A node took its steps in another order than its declaration says. What a crash leaves behind is then "
    "another part of the work than predicted.",
    causes=("`steps`, or the order of effects in the manifest, is not that of the code", "steps run side by side"),
    fixes=("write the effects in the order in which the code makes them, or `steps`",),
    exposed_by=("no fault at all",),
)


def check(evidence: Evidence) -> Judgement:
    """Reports each element of the declaration that is contradicted once, with the first work that shows it."""
    judgement = Judgement(unexercised="nothing was seen that the declaration speaks of")
    users = {node.name: _users(evidence, node) for node in evidence.expectation.nodes}
    told: set[tuple[str, ...]] = set()
    for trail in evidence.works.values():
        if trail.attempts or trail.delivers:
            judgement.exercised.update(node.boundary for node in evidence.expectation.nodes)
        for violation in _contradictions(evidence, trail, users):
            if violation.declared not in told:
                told.add(violation.declared)
                judgement.violations.append(violation)
    return judgement


def _contradictions(evidence: Evidence, trail: Trail, users: Mapping[str, set[str]]) -> Iterator[Violation]:
    """What this work shows, of each element of the declaration the first time only."""
    for effect in evidence.effects.values():
        yield from _of_effect(evidence, trail, effect)
    for node in evidence.expectation.nodes:
        yield from _undeclared(evidence, trail, node, users[node.name])
        yield from _done_again(evidence, trail, node)
        yield from _reordered(evidence, trail, node)
    for call in evidence.expectation.calls:
        yield from _another_way(evidence, trail, call)
    for boundary in evidence.expectation.boundaries:
        yield from _short_claims(evidence, trail, boundary)


def _of_effect(evidence: Evidence, trail: Trail, effect: ExpectedEffect) -> Iterator[Violation]:
    attempts = trail.attempts.get(effect.name, [])
    declared = evidence.processes.get(effect.node, "")
    for place in attempts:
        process = str(evidence.events[place].data.get("process") or declared)
        if declared and process != declared:
            yield _violation(
                evidence,
                trail,
                effect.node,
                place,
                ELSEWHERE,
                ("node", effect.node, "process"),
                what=f"{effect.name} is asked for by {process}, and {effect.node} is declared to run in {declared}",
                expected=f'process = "{declared}"',
                got=f"{effect.name} from {process}",
                effect=effect.name,
            )
            break
    if effect.sink == "keyed" and effect.duplicates == "never" and not second_application(evidence, effect, trail):
        for place in attempts[1:]:
            if evidence.events[place].data.get("key") == "":
                yield _violation(
                    evidence,
                    trail,
                    effect.node,
                    place,
                    KEYLESS,
                    ("effect", effect.name, "sink"),
                    what=f"{effect.name} was asked for again for work {trail.work}, without a key",
                    expected='a key, since sink = "keyed"',
                    got="none",
                    effect=effect.name,
                )
                break


def _users(evidence: Evidence, node: ExpectedNode) -> set[str]:
    """The processes from which a declared edge leads to a node."""
    calls = (call for call in evidence.expectation.calls if call.callee == node.name and _is_declared(evidence, call))
    return {evidence.processes.get(call.caller, call.caller) for call in calls}


def _undeclared(evidence: Evidence, trail: Trail, node: ExpectedNode, users: set[str]) -> Iterator[Violation]:
    if not evidence.expectation.calls:
        return
    known = {CLIENT, *evidence.processes.values()}  # a process without a node only carries, as a broker does
    for place in trail.delivers.get(node.name, ()):
        user = evidence.events[place].where.partition("->")[0]
        if user not in users and user in known:
            yield _no_edge(evidence, trail, node, place, f"a request from {user}")
            break
    if not users:
        for place in tries_of_effects(evidence, trail, node)[:1]:
            yield _no_edge(evidence, trail, node, place, "at work")


def _is_declared(evidence: Evidence, call: ExpectedCall) -> bool:
    """A node that no edge leads to is taken for a way in by the derivation, and is none."""
    return call.caller != CLIENT or call.callee == evidence.expectation.submit_node


def _no_edge(evidence: Evidence, trail: Trail, node: ExpectedNode, place: int, got: str) -> Violation:
    return _violation(
        evidence,
        trail,
        node.name,
        place,
        UNDECLARED,
        ("node", node.name),
        what=f"{node.name} was invoked for work {trail.work}, and no edge leads to it from there",
        expected=f"an [[edge]] to {node.name}",
        got=got,
    )


def _done_again(evidence: Evidence, trail: Trail, node: ExpectedNode) -> Iterator[Violation]:
    """In the replay of works that were complete when it began."""
    if node.work not in ("inbox", "log") or evidence.drain.state != "quiet" or evidence.replay is None:
        return
    for effect in world_effects(evidence, node.name):
        done = [place for place in trail.applies.get(effect, ()) if place < evidence.drain.index]
        again = [place for place in trail.attempts.get(effect, ()) if place > evidence.drain.limit]
        if done and again:
            yield _violation(
                evidence,
                trail,
                node.name,
                again[0],
                DONE_AGAIN,
                ("node", node.name, "work"),
                what=f"{effect} was attempted again for work {trail.work}, which {node.name} had completed",
                expected=f'no step again, since work = "{node.work}"',
                got=f"{effect} attempted again",
                effect=effect,
            )


def _reordered(evidence: Evidence, trail: Trail, node: ExpectedNode) -> Iterator[Violation]:
    firsts = [(trail.attempts[name][0], name) for name in world_effects(evidence, node.name) if name in trail.attempts]
    for (before, earlier), (after, later) in pairwise(firsts):
        if after < before and node.paths == 1:
            yield _violation(
                evidence,
                trail,
                node.name,
                before,
                REORDERED,
                ("node", node.name, "steps"),
                what=f"{node.name} asked for {later} before {earlier} for work {trail.work}",
                expected=f"{earlier}, then {later}",
                got=f"{later}, then {earlier}",
                effect=earlier,
            )


def _another_way(evidence: Evidence, trail: Trail, call: ExpectedCall) -> Iterator[Violation]:
    node = evidence.nodes[call.callee]
    caller = evidence.processes.get(call.caller, call.caller)
    if call.caller == CLIENT or caller == node.process:
        return
    link = f"{caller}->{node.process}"
    asked = [place for place in trail.delivers.get(node.name, ()) if evidence.events[place].where == link]
    if call.boundary.partition(":")[0] in ("queue", "topic") and asked:
        got, expected, place = f"a request from {caller}", f"a {call.boundary.partition(':')[0]}", asked[0]
    elif not call.boundary and call.awaits and node.routed and not trail.delivers.get(node.name):
        attempts = tries_of_effects(evidence, trail, node)
        if not attempts:
            return
        got, expected, place = "work without any request at its tap", f"a request from {caller}", attempts[0]
    else:
        return
    yield _violation(
        evidence,
        trail,
        node.name,
        place,
        OTHER_WAY,
        ("edge", call.name, "trigger" if call.boundary else "awaits"),
        what=f"{node.name} is reached by {got} for work {trail.work}, and not by {expected} as declared",
        expected=expected,
        got=got,
    )


def tries_of_effects(evidence: Evidence, trail: Trail, node: ExpectedNode) -> list[int]:
    """The attempts of a node's effects, whether or not it has a route."""
    return sorted(place for name in world_effects(evidence, node.name) for place in trail.attempts.get(name, ()))


def _short_claims(evidence: Evidence, trail: Trail, boundary: ExpectedBoundary) -> Iterator[Violation]:
    """A step tried again soon after its holder died or stood still with it.

    Between two steps a holder may have put its claim down, as one that waits for a child does.
    """
    node = evidence.nodes.get(boundary.target)
    if node is None or boundary.detect not in ("lease", "visibility") or not boundary.lease_s:
        return
    places = [place for place in tries_of_effects(evidence, trail, node) if place < evidence.drain.index]
    for before, after in pairwise(places):
        if evidence.events[before].where != evidence.events[after].where:
            continue
        gap_s = evidence.events[after].at_s - evidence.events[before].at_s
        if gap_s < boundary.lease_s - max(SURE_S, boundary.lease_s / 2) and _was_struck(evidence, node, before, after):
            yield _violation(
                evidence,
                trail,
                node.name,
                after,
                SHORT_CLAIM,
                ("edge", _edge_of(evidence, boundary), "trigger", "lease_s"),
                what=f"{trail.work} was taken up again after {gap_s:.2f} s, over a claim of {boundary.lease_s:g} s",
                expected=f"not before {boundary.lease_s:g} s",
                got=f"after {gap_s:.2f} s",
                effect=evidence.events[after].where,
            )
            return


def _was_struck(evidence: Evidence, node: ExpectedNode, before: int, after: int) -> bool:
    """Whether the process of a node was killed, or stood still, between two places."""
    changes = (evidence.events[place] for place in evidence.disturbed(before, after))
    return any(
        e.kind is Kind.PROCESS and e.where == node.process and e.data.get("state") in ("killed", "paused")
        for e in changes
    )


def _edge_of(evidence: Evidence, boundary: ExpectedBoundary) -> str:
    return next((call.name for call in evidence.expectation.calls if call.boundary == boundary.name), "")


def _violation(
    evidence: Evidence,
    trail: Trail,
    node: str,
    place: int,
    code: Code,
    declared: tuple[str, ...],
    *,
    what: str,
    expected: str,
    got: str,
    effect: str = "",
) -> Violation:
    return at_node(
        evidence,
        trail,
        node,
        (place,),
        code=code.code,
        prop=PROPERTY.id,
        what=what,
        expected=expected,
        got=got,
        likely="the manifest says something else than what was built",
        kind=f"declared {'.'.join(declared)}",
        effect=effect,
        declared=declared,
    )


PROPERTY = Property(
    id="P20",
    name="as declared",
    statement="nothing that is seen contradicts the manifest",
    kind="safety",
    check=check,
    specific=3,
    codes=(ELSEWHERE, UNDECLARED, KEYLESS, OTHER_WAY, DONE_AGAIN, SHORT_CLAIM, REORDERED),
)
