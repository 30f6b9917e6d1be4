"""P19: accepted work that is not complete has a durable owner, whenever one looks.

At each instant at which somebody stops being responsible (an ok reaches the client, a fault strikes), all stores are
read once, those first that work passes first. Work that was accepted before the reading began, that no store holds, and
whose effects are not all there, is owned by nobody at that instant, even if it turns out well this time. Two readings
in a row must agree. Only nodes that are declared to have an owner are held to it.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from itertools import pairwise

from harness.checks.evidence import Evidence, Trail
from harness.checks.expectation import ExpectedEffect
from harness.checks.missing import missing
from harness.checks.property import Code, Judgement, Property
from harness.checks.saga import is_undone, owed

__all__ = ["PROPERTY"]

UNOWNED = Code(
    code="RT212",
    title="accepted work without an owner",
    means="A piece of work had been accepted and was not complete, and at that instant no store held a trigger for it. "
    "Whatever is still done for it lives in the memory of a process: if that dies now, the work is lost. It needs no "
    "fault to be seen.",
    causes=(
        "the answer is sent before the trigger is durable",
        "the trigger is discharged when the work is taken up, and not when it is done",
        "the next trigger is set after the one before it was discharged",
    ),
    fixes=(
        "store first, answer after the commit",
        "discharge last: after the effect, after the next hand-off is set",
    ),
    exposed_by=("no fault at all", "kill at @answer or @reply", "kill at @recv"),
)


def check(evidence: Evidence) -> Judgement:
    """Goes through the works, and the pairs of readings after each was accepted."""
    judgement = Judgement(unexercised="no store was looked at while work was accepted and not complete")
    effects = [effect for effect in evidence.expected_effects() if _is_owned(evidence, effect)]
    began = [int(evidence.events[look].data["since"]) for look in evidence.looks]
    last_rows = max((look for look in evidence.looks if evidence.events[look].data.get("rows")), default=0)
    for trail in evidence.works.values():
        if trail.first_ok is not None and effects:
            first = bisect_right(began, trail.first_ok)
            last = bisect_right(evidence.looks, max(_settled(evidence, trail, effects), last_rows))
            _judge(evidence, trail, effects, evidence.looks[first:last], judgement)
    judgement.violations.sort(key=lambda violation: violation.witness[-1])
    return judgement


def _settled(evidence: Evidence, trail: Trail, effects: list[ExpectedEffect]) -> int:
    """The last place at which this work may lack something that the world counts; rows are another matter."""
    end = len(evidence.events)
    if _lacking(evidence, trail, effects, end, {}):
        return end
    return max([trail.refused or 0, *(places[0] for places in trail.applies.values())])


def _judge(
    evidence: Evidence, trail: Trail, effects: list[ExpectedEffect], looks: list[int], judgement: Judgement
) -> None:
    """Tells the first pair of readings in which this work had no owner."""
    for first, second in pairwise(looks):
        lacking = _lacking(evidence, trail, effects, second, evidence.events[second].data.get("rows", {}))
        judgement.exercised.update(effect.boundary for effect in lacking)
        if lacking and not evidence.is_held(first, trail.work) and not evidence.is_held(second, trail.work):
            _tell(evidence, trail, lacking, second, judgement)
            return


def _is_owned(evidence: Evidence, effect: ExpectedEffect) -> bool:
    """Declared to be owned by a trigger that lies in a store; whoever waits at the edge owns nothing after his ok."""
    described = evidence.boundaries.get(effect.boundary)
    return described is not None and described.placement != "root"


def _lacking(
    evidence: Evidence, trail: Trail, effects: list[ExpectedEffect], upto: int, rows: Mapping[str, Mapping[str, int]]
) -> list[ExpectedEffect]:
    """The effects that were owed, and surely not there, at a place where these rows had been read."""
    declared = evidence.effects.values() if evidence.compensates else effects
    done = {effect.name for effect in declared if _is_there(trail, effect, upto, rows)}
    if not evidence.compensates:
        return [effect for effect in effects if effect.name not in done]
    refused = trail.refused is not None and trail.refused < upto
    undone = is_undone(declared, done, refused=refused)
    return [effect for effect in owed(effects, done, undone=undone) if effect.name not in done]


def _is_there(trail: Trail, effect: ExpectedEffect, upto: int, rows: Mapping[str, Mapping[str, int]]) -> bool:
    if effect.source == "world":
        return bisect_left(trail.applies.get(effect.name, ()), upto) > 0
    return effect.name not in rows or bool(rows[effect.name].get(trail.work))


def _tell(evidence: Evidence, trail: Trail, effects: list[ExpectedEffect], look: int, judgement: Judgement) -> None:
    names = " and ".join(effect.name for effect in effects)
    judgement.violations.append(
        missing(
            evidence,
            trail,
            effects,
            evidence.drain,
            code=UNOWNED.code,
            prop=PROPERTY.id,
            what=f"work {trail.work} was accepted, {names} had not taken place, and no store held a trigger for it",
            expected="a trigger in a store for as long as the work is not complete",
            got="none",
            likely="answered before the trigger was durable, or discharged before the work was done",
            upto=look,
            kind="owner",
        )
    )


PROPERTY = Property(
    id="P19",
    name="always owned",
    statement="every accepted, incomplete work has a durable owner at every event of the history",
    kind="safety",
    check=check,
    specific=5,
    codes=(UNOWNED,),
    danger=True,
)
