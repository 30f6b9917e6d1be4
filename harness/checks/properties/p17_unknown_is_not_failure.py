"""P17: whoever saw an unknown outcome neither reports failure nor compensates while the effect stands.

A call that was cut, or timed out, may have been carried out. To answer "rejected" then is a guess, and so is to undo
what may still be under way. Judged at the end of the drain: only what stands then counts.
"""

from __future__ import annotations

from collections.abc import Iterator

from harness.checks.evidence import Ending, Evidence, Trail
from harness.checks.expectation import ExpectedEffect
from harness.checks.missing import missing
from harness.checks.property import Code, Judgement, Property
from harness.history import Kind

__all__ = ["PROPERTY"]

REPORTED = Code(
    code="RT111",
    title="unknown reported as failure",
    means="Somewhere on the way an answer was lost, so nobody could know whether the call had been carried out. The "
    "client was told that it had not, and it had: the effect stands, and its sender believes the opposite.",
    causes=(
        "a time limit or a broken connection is mapped to a status that means `rejected`",
        "an error handler answers 4xx for every exception",
    ),
    fixes=(
        "answer 5xx or nothing where the outcome is unknown, so that the caller asks again with the same key",
        "ask the partner under the same key before saying no",
    ),
    exposed_by=("cut reply at @recv", "blackhole reply at @recv", "kill of the callee at @applied"),
)
UNDONE = Code(
    code="RT112",
    title="compensated before it was known",
    means="An effect was compensated, and took place after its compensation. Both stand: what was to be undone is not.",
    causes=(
        "an unknown outcome is taken for a failure, and the compensation overtakes the call",
        "a call is still under way, or tried again by somebody else, when its compensation is sent",
    ),
    fixes=(
        "compensate only what is known to have taken place: ask under the same key first",
        "let the partner refuse the late call by the key of its compensation",
    ),
    exposed_by=("hold at @recv until timeout", "blackhole reply at @recv", "pause at @recv until lease"),
)


def check(evidence: Evidence) -> Judgement:
    """Goes through the works of which some caller saw an unknown outcome."""
    judgement = Judgement(unexercised="no caller was left without an answer")
    ending = evidence.drain
    for trail in evidence.works.values():
        if trail.submits[0] < ending.index and _unknown(evidence, trail, ending):
            judgement.exercised.add(_entry(evidence))
            rejected = _rejected_last(evidence, trail, ending)
            stands = _standing(evidence, trail, ending, rejected) if rejected is not None and ending.decides else []
            if rejected is not None and stands:
                _tell(evidence, trail, stands, ending, rejected, judgement)
        for undo, effect, place in _overtaken(evidence, trail):
            judgement.exercised.add(effect.boundary)
            _tell_undone(evidence, trail, undo, effect, place, judgement)
    return judgement


def _entry(evidence: Evidence) -> str:
    """The boundary of the node that answers the client."""
    node = evidence.expectation.submit_node
    return evidence.boundary_of_node(node)


def _unknown(evidence: Evidence, trail: Trail, ending: Ending) -> bool:
    """Whether the client, a caller before a tap or a caller of the world was left without an answer."""
    events = [evidence.events[place] for place in trail.events if place < ending.index]
    if any(event.kind is Kind.ANSWER and event.data.get("outcome") == "unknown" for event in events):
        return True
    for asked, answered in ((Kind.DELIVER, Kind.REPLY), (Kind.ATTEMPT, Kind.ANSWERED)):
        answers = {(e.where, e.n) for e in events if e.kind is answered and not e.data.get("late")}
        if any((e.where, e.n) not in answers for e in events if e.kind is asked):
            return True
    return any(event.kind is Kind.FAULT and event.where.startswith(_LOSSES) for event in events)


_LOSSES = ("cut reply", "blackhole reply", "reset reply")


def _rejected_last(evidence: Evidence, trail: Trail, ending: Ending) -> int | None:
    """The answer that said no, where it was the last word of the drain and no other said yes."""
    answers = [place for place in trail.answers if place < ending.index]
    outcomes = [evidence.events[place].data.get("outcome") for place in answers]
    return answers[-1] if outcomes and "ok" not in outcomes and outcomes[-1] == "rejected" else None


def _standing(evidence: Evidence, trail: Trail, ending: Ending, rejected: int) -> list[ExpectedEffect]:
    """The effects that had been seen to take place when the no was given, and that nothing undid."""
    done = [evidence.effects[e] for e, at in trail.applies.items() if at[0] < rejected and e in evidence.effects]
    return [effect for effect in done if not effect.compensates and not _is_undone(evidence, effect, trail, ending)]


def _is_undone(evidence: Evidence, effect: ExpectedEffect, trail: Trail, ending: Ending) -> bool:
    undoing = (each for each in evidence.effects.values() if each.compensates == effect.name)
    return any(evidence.applied(each, trail, ending) for each in undoing)


def _overtaken(evidence: Evidence, trail: Trail) -> Iterator[tuple[ExpectedEffect, ExpectedEffect, int]]:
    """Compensations at the world, and the first application of what they undo that came after them."""
    for undo in evidence.effects.values() if evidence.compensates else ():
        effect = evidence.effects.get(undo.compensates)
        undone, applied = trail.applies.get(undo.name, []), trail.applies.get(undo.compensates, [])
        if effect and undone and applied and applied[-1] > undone[0]:
            yield undo, effect, applied[-1]


def _tell(
    evidence: Evidence,
    trail: Trail,
    stands: list[ExpectedEffect],
    ending: Ending,
    place: int,
    judgement: Judgement,
) -> None:
    names = " and ".join(effect.name for effect in stands)
    judgement.violations.append(
        missing(
            evidence,
            trail,
            stands,
            ending,
            code=REPORTED.code,
            prop=PROPERTY.id,
            what=f"work {trail.work} was rejected after an answer had been lost on the way, and {names} stands",
            expected="no word of failure while nobody knows",
            got=f"rejected, and {names} applied",
            likely="a lost answer is mapped to a rejection",
            upto=place,
            kind="failure",
        )
    )


def _tell_undone(
    evidence: Evidence, trail: Trail, undo: ExpectedEffect, effect: ExpectedEffect, place: int, judgement: Judgement
) -> None:
    judgement.violations.append(
        missing(
            evidence,
            trail,
            [effect, undo],
            evidence.drain,
            code=UNDONE.code,
            prop=PROPERTY.id,
            what=f"{undo.name} undid {effect.name} for work {trail.work}, and {effect.name} took place after it",
            expected=f"{undo.name} after {effect.name}, or neither",
            got=f"{effect.name} after {undo.name}",
            likely="an unknown outcome was taken for a failure",
            upto=place,
            kind="failure",
        )
    )


PROPERTY = Property(
    id="P17",
    name="unknown is not failure",
    statement="a caller that saw unknown neither compensates nor reports failure while the effect stands",
    kind="quiescence",
    check=check,
    specific=11,
    codes=(REPORTED, UNDONE),
)
