"""P16: once everything is quiet, everything is submitted again with the same keys: no new effects, the same answers.

It needs no timing and no fault. It finds dedupe that is kept in memory, forgets too early, or goes by the wrong key.
A piece of work that had no effect before may have its first one now; that is its first time.
"""

from __future__ import annotations

from harness.checks.duplicate import Second, duplicate
from harness.checks.evidence import Ending, Evidence, Outcome, Trail
from harness.checks.expectation import ExpectedEffect
from harness.checks.property import Code, Judgement, Property
from harness.checks.verdict import Violation
from harness.checks.witness import invoked_again, witness

__all__ = ["PROPERTY"]

AGAIN = Code(
    code="RT107",
    title="repeat takes effect again",
    means="Long after a piece of work was done, the same request with the same key was sent again, and the effect took "
    "place a second time.",
    causes=(
        "what was done is remembered in memory, and a restart forgot it",
        "what was done is remembered for a shorter time than requests may be repeated",
        "the key is made by the server, or per request, so that a repeat does not look like one",
    ),
    fixes=(
        "keep the dedupe record in the same store and transaction as the effect, as long as anybody may repeat",
        "take the caller's key as it is",
    ),
    exposed_by=("no fault at all", "kill or replace of the service after the work is done"),
    fate="DOUBLED",
)
OTHERWISE = Code(
    code="RT108",
    title="repeat is answered differently",
    means="The same request with the same key was answered with success once and with a rejection the other time. A "
    "caller that repeats because it did not hear the first answer now believes the wrong one.",
    causes=(
        "a repeat runs into a unique constraint, and the conflict is reported as a rejection",
        "a rejected request is not remembered, and judged anew on other data",
    ),
    fixes=("store the answer with the key, and give the stored answer to a repeat",),
    exposed_by=("no fault at all", "cut reply at @deliver"),
)


def check(evidence: Evidence) -> Judgement:
    """Compares each work after the replay with the same work before it."""
    judgement = Judgement(unexercised="nothing was replayed")
    replay = evidence.replay
    if replay is None:
        return judgement
    guarded = [effect for effect in evidence.effects.values() if effect.duplicates == "never"]
    for trail in evidence.works.values():
        if trail.submits[0] < evidence.drain.limit < trail.submits[-1]:
            _judge_answers(evidence, trail, judgement)
            for effect in guarded:
                _judge_effect(evidence, effect, trail, replay, judgement)
    if replay.state not in ("quiet", "stranded"):
        why = f"the replay did not come to rest ({replay.state}), so effects may still follow"
        judgement.doubts += [(boundary, why) for boundary in sorted(judgement.exercised)]
    return judgement


def _judge_effect(
    evidence: Evidence, effect: ExpectedEffect, trail: Trail, replay: Ending, judgement: Judgement
) -> None:
    second = _row_again(evidence, effect, trail, replay) if effect.source == "sql" else _again(evidence, effect, trail)
    judgement.exercised.add(effect.boundary)
    if second:
        found = duplicate(evidence, effect, trail, second, code=AGAIN.code, prop=PROPERTY.id)
        judgement.violations.append(found)
    elif effect.source == "sql" and evidence.reading(effect.name, replay) is None:
        judgement.doubts.append((effect.boundary, f"the rows of {effect.name} were not read after the replay"))


def _again(evidence: Evidence, effect: ExpectedEffect, trail: Trail) -> Second | None:
    applies = trail.applies.get(effect.name, [])
    before = [place for place in applies if place < evidence.drain.limit]
    after = applies[len(before) :]
    return Second(first=before[-1], second=after[0], count=len(applies)) if before and after else None


def _row_again(evidence: Evidence, effect: ExpectedEffect, trail: Trail, replay: Ending) -> Second | None:
    first, second = evidence.reading(effect.name, evidence.drain), evidence.reading(effect.name, replay)
    if first is None or second is None:
        return None
    before, after = (evidence.rows_of(reading).get(trail.work, 0) for reading in (first, second))
    return Second(first=first, second=second, count=after) if 0 < before < after else None


def _judge_answers(evidence: Evidence, trail: Trail, judgement: Judgement) -> None:
    start = evidence.drain.limit
    before = evidence.outcome(trail, start)
    if before is Outcome.UNKNOWN:
        return
    opposite = "rejected" if before is Outcome.OK else "ok"
    for place in trail.answers:
        answer = evidence.events[place].data.get("outcome") if place > start else None
        if answer == opposite:
            judgement.violations.append(_otherwise(evidence, trail, place, before.value, opposite))
            return
        if answer == before.value:
            judgement.exercised.add(_entry(evidence))


def _entry(evidence: Evidence) -> str:
    """The boundary of the node that answers the client."""
    node = evidence.expectation.submit_node
    return evidence.boundary_of_node(node)


def _otherwise(evidence: Evidence, trail: Trail, place: int, before: str, after: str) -> Violation:
    node = evidence.expectation.submit_node
    boundary = _entry(evidence)
    described = evidence.boundaries.get(boundary)
    return Violation(
        code=OTHERWISE.code,
        property=PROPERTY.id,
        boundary=boundary,
        work=trail.work,
        effect="",
        what=f"work {trail.work} was answered {before}, and the same request again was answered {after}",
        expected=before,
        got=after,
        likely="a repeat is taken for a conflict" if after == "rejected" else "a rejection is not remembered",
        where_to_look=evidence.processes.get(node, "") or node,
        owner=described.owner if described else "nobody",
        spread=invoked_again(evidence, trail, place),
        witness=witness(evidence, trail, (), place),
        fact=("answers", trail.work, ""),
    )


PROPERTY = Property(
    id="P16",
    name="replay of the past",
    statement="after quiescence, submit everything again: no new effects, the same answers",
    kind="safety",
    check=check,
    specific=45,
    codes=(AGAIN, OTHERWISE),
)
