"""P4: every application belongs to submitted work, carries what was submitted, and is not of rejected work."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from harness.checks.evidence import Evidence, Outcome, Trail
from harness.checks.property import Code, Judgement, Property
from harness.checks.verdict import Violation
from harness.checks.witness import invoked_again, witness

__all__ = ["PROPERTY"]

PHANTOM = Code(
    code="RT104",
    title="phantom effect",
    means="An effect took place that answers to no submitted work: its key was never sent, or not yet, or what it "
    "carries is not what was sent under that key.",
    causes=(
        "the work id is made anew, cut, or changed on its way",
        "a payload is rebuilt from shared or stale state, so that works get mixed up",
        "a message is published before the transaction that makes it true, and that transaction fails",
    ),
    fixes=(
        "carry the caller's id unchanged on every hop",
        "store the payload with the trigger, and use only that when driving it again",
        "publish from an outbox that commits together with the business data",
    ),
    exposed_by=("kill at @deliver", "hold two works at @recv together", "a commit that fails after a publish"),
)
REJECTED = Code(
    code="RT105",
    title="effect of rejected work",
    means="The client was told that the work did not and will not happen, and yet an effect of it took place. Whoever "
    "sent it has gone another way by now.",
    causes=(
        "the effect, or the message that leads to it, goes out before the decision to reject",
        "a failure that leaves the work half done is answered with a status that is declared as a rejection",
    ),
    fixes=(
        "decide first, act afterwards; put the decision and the trigger into one transaction",
        "answer 5xx where the outcome is not known, and keep the rejecting statuses for what surely did not happen",
    ),
    exposed_by=("cut reply at @deliver", "kill at @applied", "cut the link to a dependency"),
)

GHOST = Code(
    code="RT114",
    title="effect of something that never became true",
    means="Work was handed on and took effect, and what the one who handed it on does first by declaration never took "
    "place. The others act on something that did not happen.",
    causes=(
        "a message is published before the transaction that makes it true, and that transaction failed",
        "`steps` names another order than the code has",
    ),
    fixes=(
        "write the message into the same transaction (an outbox), and publish from there",
        "or declare the order that there is, in `steps`",
    ),
    exposed_by=("black-hole the reply of the broker", "kill between the publish and the commit"),
)


def check(evidence: Evidence) -> Judgement:
    """Goes through all applications, those of unknown keys included; tells the first of each effect and work."""
    judgement = Judgement(unexercised="no effect took place")
    for trail in evidence.works.values():
        judgement.exercised.update(evidence.effects[name].boundary for name in _declared(evidence, trail))
        judgement.violations += _of_submitted(evidence, trail)
        judgement.violations += islice(_ghosts(evidence, trail), 1)
    judgement.violations += _of_strangers(evidence)
    judgement.violations += _counted_strangers(evidence)
    return judgement


def _ghosts(evidence: Evidence, trail: Trail) -> Iterator[Violation]:
    """Effects behind a hand-off without those that its caller makes before it. Not where a process may be undone."""
    ending = evidence.drain
    if not ending.decides or any(effect.compensates or effect.may_reject for effect in evidence.effects.values()):
        return
    once = {node.name for node in evidence.expectation.nodes if node.paths == 1}
    for call in evidence.expectation.calls:
        never = [name for name in call.after if evidence.applied(evidence.effects[name], trail, ending) == 0]
        if not never or call.awaits or call.callee not in once:
            continue
        for name in (
            name for name, effect in evidence.effects.items() if effect.node in _behind(evidence, call.callee)
        ):
            if place := _first_seen(evidence, trail, name):
                yield _ghost(evidence, trail, name, place, never[0])


def _behind(evidence: Evidence, node: str) -> set[str]:
    """A node and everything that is reached from it; each one only on one way."""
    reached: set[str] = set()
    following = {node}
    while following:
        reached |= following
        calls = (call for call in evidence.expectation.calls if call.caller in following)
        following = {call.callee for call in calls} - reached
    return {each.name for each in evidence.expectation.nodes if each.name in reached and each.paths == 1}


def _first_seen(evidence: Evidence, trail: Trail, name: str) -> int | None:
    """Where the effect was first seen to have taken place, before the drain was over."""
    effect, ending = evidence.effects[name], evidence.drain
    if not evidence.applied(effect, trail, ending):
        return None
    return trail.applies[name][0] if effect.source == "world" else evidence.reading(name, ending)


def _declared(evidence: Evidence, trail: Trail) -> list[str]:
    """The effects of this work that were seen in the world and are declared."""
    return [name for name in trail.applies if name in evidence.effects]


def _of_submitted(evidence: Evidence, trail: Trail) -> Iterator[Violation]:
    names = _declared(evidence, trail)
    sent = {str(nonce) for nonce in _nonces(evidence, trail) if nonce is not None} if names else set()
    refused = _refused_spans(evidence, trail) if names else []
    for name in names:
        yield from islice(_strange(evidence, trail, name, sent, refused), 1)


def _nonces(evidence: Evidence, trail: Trail) -> Iterator[object]:
    return (evidence.events[index].data.get("nonce") for index in trail.submits)


def _refused_spans(evidence: Evidence, trail: Trail) -> list[range]:
    """Where an application is one of rejected work: what comes before the replay is judged by the answers before it."""
    replay, end = evidence.drain.limit, len(evidence.events)
    spans = [range(replay), range(replay, end)]
    return [span for span in spans if evidence.outcome(trail, span.stop) is Outcome.REJECTED]


def _strange(evidence: Evidence, trail: Trail, name: str, sent: set[str], refused: list[range]) -> Iterator[Violation]:
    """The applications of one effect that do not belong to what was submitted."""
    for place in trail.applies[name]:
        carried = evidence.events[place].data.get("payload_nonce")
        if place < trail.submits[0]:
            yield _phantom(
                evidence, trail, name, place, "before it was submitted", "its key was used before it was sent"
            )
        elif carried is not None and sent and str(carried) not in sent:
            yield _phantom(evidence, trail, name, place, "with a payload that was not submitted", _MIXED_UP)
        elif any(place in span for span in refused):
            yield _rejected(evidence, trail, name, place)


_MIXED_UP = "the payload is rebuilt or shared, so that one work carries what belongs to another"


def _of_strangers(evidence: Evidence) -> Iterator[Violation]:
    for trail in evidence.strangers.values():
        for name in _declared(evidence, trail):
            place = trail.applies[name][0]
            yield _phantom(evidence, trail, name, place, "that nobody submitted", "the work id changes on its way")
    first: dict[str, int] = {}
    for place in evidence.orphans:
        first.setdefault(evidence.events[place].where, place)
    for name in sorted(first.keys() & evidence.effects.keys()):
        what = "that carries no work id"
        yield _phantom(evidence, Trail(""), name, first[name], what, "the work id is dropped on its way")


def _counted_strangers(evidence: Evidence) -> Iterator[Violation]:
    told: set[tuple[str, str]] = set()
    for name, readings in evidence.rows.items():
        for place in readings if name in evidence.effects else ():
            for work, count in evidence.rows_of(place).items():
                if count and work not in evidence.works and (name, work) not in told:
                    told.add((name, work))
                    yield _phantom(
                        evidence, Trail(work), name, place, "that nobody submitted", "the work id changes on its way"
                    )


def _phantom(evidence: Evidence, trail: Trail, name: str, place: int, which: str, likely: str) -> Violation:
    what = f"{name} took place for work {trail.work or '(no key)'} {which}"
    return _violation(evidence, trail, name, place, PHANTOM.code, what, "only what was submitted, as submitted", likely)


def _rejected(evidence: Evidence, trail: Trail, name: str, place: int) -> Violation:
    what = f"work {trail.work} was rejected, and {name} took place"
    return _violation(
        evidence,
        trail,
        name,
        place,
        REJECTED.code,
        what,
        "no effect",
        "the effect goes out before the work is rejected",
    )


def _ghost(evidence: Evidence, trail: Trail, name: str, place: int, never: str) -> Violation:
    what = f"{name} took place for work {trail.work}, and {never}, which comes before it, never did"
    likely = f"the message goes out before {never} is committed"
    return _violation(evidence, trail, name, place, GHOST.code, what, f"no {name} without {never}", likely)


def _violation(
    evidence: Evidence, trail: Trail, name: str, place: int, code: str, what: str, expected: str, likely: str
) -> Violation:
    effect = evidence.effects[name]
    boundary = evidence.boundaries.get(effect.boundary)
    last_answer = trail.answers[-1] if code == REJECTED.code else place
    data = evidence.events[place].data
    return Violation(
        code=code,
        property=PROPERTY.id,
        boundary=effect.boundary,
        work=trail.work,
        effect=name,
        what=what,
        expected=expected,
        got=f"{name} applied",
        likely=likely,
        where_to_look=str(data.get("process") or evidence.processes.get(effect.node, "") or effect.node),
        owner=boundary.owner if boundary else "nobody",
        spread=invoked_again(evidence, trail, place),
        witness=witness(evidence, trail, [name], max(place, last_answer), place),
        fact=("phantom", trail.work, name),
    )


PROPERTY = Property(
    id="P4",
    name="no phantom",
    statement="every application matches a submitted key and its nonce; none is of rejected work, or of what never was",
    kind="safety",
    check=check,
    specific=50,
    codes=(PHANTOM, REJECTED, GHOST),
)
