"""P1a: at the instant an awaiting call answers ok, every effect in its layer is applied.

One observer, one order of events: the world writes down an application before it answers the service, so whatever a
truthful ok speaks of stands before the ok. Rows are read only at rest: a later reading without the row proves that the
row was not there at the answer, a later reading with it proves nothing.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right

from harness.checks.evidence import Evidence, Trail
from harness.checks.expectation import ExpectedEffect
from harness.checks.missing import by_boundary, missing, missing_at
from harness.checks.property import Code, Judgement, Property
from harness.checks.verdict import Violation

__all__ = ["PROPERTY"]

EARLY = Code(
    code="RT103",
    title="answered ok before it was done",
    means="A call that its caller waits for answered ok, and an effect that this ok vouches for had not taken place. "
    "The caller stops being responsible at that instant, so whatever is still open has lost its owner.",
    causes=(
        "a node on the path catches the error or the time limit of the service it calls, and answers 200 anyway",
        "a service answers first and does the work afterwards, in a background task or a thread",
        "the edge is declared as awaiting, and the service was built to accept and work later",
    ),
    fixes=(
        "pass the failure on: answer 5xx, so that the owner upstream tries again",
        "answer after the effect; or hand off for real: a durable trigger, and an edge declared as not awaiting",
    ),
    exposed_by=("cut the link to the partner at @deliver or @recv", "kill the callee at @reply"),
)


def check(evidence: Evidence) -> Judgement:
    """Looks at the first ok of each piece of work; what is there by then is there at every later one."""
    judgement = Judgement(unexercised="no awaiting call answered ok")
    awaited = [evidence.effects[name] for name in evidence.expectation.awaited]
    for trail in evidence.works.values() if awaited else ():
        if trail.first_ok is not None and not _refused(trail):
            _judge_answer(evidence, trail, awaited, trail.first_ok, judgement)
    return judgement


def _refused(trail: Trail) -> bool:
    """An effect was refused for good before the ok, which then speaks of the compensation: P1b judges that."""
    return trail.refused is not None and trail.first_ok is not None and trail.refused < trail.first_ok


def _judge_answer(
    evidence: Evidence, trail: Trail, awaited: list[ExpectedEffect], answer: int, judgement: Judgement
) -> None:
    done = {effect.name: _done_by(evidence, effect, trail, answer) for effect in awaited}
    judgement.exercised.update(effect.boundary for effect in awaited if done[effect.name] is not None)
    early = [effect for effect in awaited if done[effect.name] is False]
    for effects in by_boundary(early).values():
        judgement.violations.append(_violation(evidence, trail, effects, answer))


def _done_by(evidence: Evidence, effect: ExpectedEffect, trail: Trail, answer: int) -> bool | None:
    """Whether the effect had been applied before this place; None where the evidence does not tell."""
    if effect.source == "world":
        return bisect_left(trail.applies.get(effect.name, ()), answer) > 0
    readings = evidence.rows.get(effect.name, [])
    at = bisect_right(readings, answer)
    if at and evidence.rows_of(readings[at - 1]).get(trail.work):
        return True
    later = at < len(readings) and not evidence.rows_of(readings[at]).get(trail.work)
    return False if later else None


def _violation(evidence: Evidence, trail: Trail, effects: list[ExpectedEffect], answer: int) -> Violation:
    in_replay = evidence.replay is not None and answer >= evidence.drain.limit
    ending = evidence.replay if in_replay and evidence.replay else evidence.drain
    never = missing_at(evidence, trail, effects, ending)
    told = never or effects
    names = " and ".join(effect.name for effect in told)
    return missing(
        evidence,
        trail,
        told,
        ending,
        code=EARLY.code,
        prop=PROPERTY.id,
        what=f"work {trail.work} was answered ok, and {names} had not taken place",
        expected=f"{names} applied before the ok",
        got="ok first" if not never else "ok, and never applied",
        likely=_likely(evidence, trail, told[0], answer),
        upto=answer,
        kind="unfinished" if never else "early",
    )


def _likely(evidence: Evidence, trail: Trail, effect: ExpectedEffect, answer: int) -> str:
    if bisect_left(trail.attempts.get(effect.name, ()), answer):
        return f"a node on the path to {effect.node} swallowed a failure and answered ok"
    if trail.attempts.get(effect.name):
        return f"{effect.node}, or a node before it, answers first and works afterwards"
    return f"the failure to reach {effect.node} was swallowed on the path, or it answers before it works"


PROPERTY = Property(
    id="P1a",
    name="ack means done",
    statement="at the instant an awaiting call answers ok, every effect in its layer is applied",
    kind="safety",
    check=check,
    specific=60,
    codes=(EARLY,),
)
