"""P5: where the client never learnt what became of its work, a boundary did all of it, each effect once, or nothing."""

from __future__ import annotations

from dataclasses import replace

from harness.checks.duplicate import duplicate, second_application
from harness.checks.evidence import Evidence, Outcome, Trail
from harness.checks.expectation import ExpectedEffect
from harness.checks.human import gave_up
from harness.checks.missing import by_boundary, missing, missing_at, owed_at, unread_at
from harness.checks.property import Code, Judgement, Property
from harness.checks.verdict import Violation

__all__ = ["PROPERTY"]

PARTIAL = Code(
    code="RT106",
    title="partly done",
    means="The client never learnt the outcome of its work. Within one boundary some of its effects took place and "
    "others did not, and everything has come to rest like that.",
    causes=(
        "a chain of calls without a root trigger: whoever would try again died, or does not exist",
        "in-situ retries were taken for a trigger, and died with their process",
        "the owner gave up before it knew",
    ),
    fixes=(
        "set a durable trigger before the first effect",
        "let somebody upstream own the work: he waits for the answer and tries again with the same key",
    ),
    exposed_by=("kill at @applied of the first effect", "kill at @recv of the last effect", "kill caller and callee"),
)
THROUGH = Code(
    code="RT113",
    title="undone although it went through",
    means="An effect that may be refused took place, so the process went through, and a compensation took place as "
    "well: the goods are on their way, and the money went back.",
    causes=(
        "an answer that was lost, or came too late, is taken for a refusal",
        "an error handler compensates after any failure, and not only after a refusal",
        "the refusal of one attempt is believed although another attempt went through",
    ),
    fixes=(
        "compensate only after an answer that says: it did not and will not happen",
        "where the outcome is unknown, ask again under the same key until it is known",
    ),
    exposed_by=("cut reply at @recv", "blackhole reply at @recv", "kill of the callee at @applied"),
)
TWICE_CODE = "RT102"


def check(evidence: Evidence) -> Judgement:
    """Goes through the works that were submitted in time and had no definite answer when the drain ended."""
    judgement = Judgement(unexercised="no work was left without a definite answer")
    groups = by_boundary(evidence.expected_effects())
    ending = evidence.drain
    for trail in evidence.works.values():
        _judge_undone(evidence, trail, judgement)
        if trail.submits[0] < ending.index and evidence.outcome(trail, ending.index) is Outcome.UNKNOWN:
            for effects in groups.values():
                _judge(evidence, trail, effects, judgement)
    return judgement


def _judge(evidence: Evidence, trail: Trail, effects: list[ExpectedEffect], judgement: Judgement) -> None:
    ending, boundary = evidence.drain, effects[0].boundary
    judgement.exercised.add(boundary)
    _judge_twice(evidence, trail, effects, judgement)
    effects = owed_at(evidence, trail, effects, ending)
    unread = unread_at(evidence, effects, ending)
    absent = missing_at(evidence, trail, effects, ending)
    present = len(effects) - len(absent) - len(unread)
    if present and absent and ending.decides:
        _tell_partial(evidence, trail, effects, absent, judgement)
    elif present and absent:
        judgement.doubts.append((boundary, f"work {trail.work} is partly done and may still go on"))
    elif unread and len(effects) > 1:
        judgement.doubts.append((boundary, f"the rows of {unread[0].name} were not read at the end"))


def _judge_undone(evidence: Evidence, trail: Trail, judgement: Judgement) -> None:
    """Whatever the client knows: a process that went through is not compensated."""
    done = [effect for effect in evidence.effects.values() if evidence.applied(effect, trail, evidence.drain)]
    undoing = [effect for effect in done if effect.compensates]
    through = [effect for effect in done if effect.may_reject]
    if undoing:
        judgement.exercised.update(effect.boundary for effect in undoing)
    if undoing and through:
        judgement.violations.append(_went_through(evidence, trail, through[0], undoing))


def _went_through(
    evidence: Evidence, trail: Trail, through: ExpectedEffect, undoing: list[ExpectedEffect]
) -> Violation:
    names = " and ".join(effect.name for effect in undoing)
    return missing(
        evidence,
        trail,
        [*undoing, through],
        evidence.drain,
        code=THROUGH.code,
        prop=PROPERTY.id,
        what=f"work {trail.work} went through with {through.name}, and {names} took place",
        expected=f"{names} only where {through.name} was refused for good",
        got=f"{through.name} and {names}",
        likely="an unknown outcome was taken for a refusal",
        kind="undone",
    )


def _judge_twice(evidence: Evidence, trail: Trail, effects: list[ExpectedEffect], judgement: Judgement) -> None:
    for effect in effects:
        second = second_application(evidence, effect, trail) if effect.duplicates == "never" else None
        if second and second.second < evidence.drain.limit:
            judgement.violations.append(duplicate(evidence, effect, trail, second, code=TWICE_CODE, prop=PROPERTY.id))


def _tell_partial(
    evidence: Evidence, trail: Trail, effects: list[ExpectedEffect], absent: list[ExpectedEffect], judgement: Judgement
) -> None:
    done = " and ".join(effect.name for effect in effects if effect not in absent)
    undone = " and ".join(effect.name for effect in absent)
    found = missing(
        evidence,
        trail,
        [*absent, *(effect for effect in effects if effect not in absent)],
        evidence.drain,
        code=PARTIAL.code,
        prop=PROPERTY.id,
        what=f"work {trail.work} is partly done: {done} took place, {undone} did not, and nobody knows",
        expected="all of them once, or none",
        got=f"{done} without {undone}",
    )
    if gave_up(evidence, trail):
        found = replace(
            found,
            likely="its owner gave up before it knew",
            where_to_look="client",
            owner="nobody any more: the client gave up",
        )
    judgement.violations.append(found)


PROPERTY = Property(
    id="P5",
    name="unknown is all or nothing",
    statement="ack unknown: at quiescence none of the boundary's effects, or each once, or exactly compensated",
    kind="quiescence",
    check=check,
    specific=10,
    codes=(PARTIAL, THROUGH),
)
