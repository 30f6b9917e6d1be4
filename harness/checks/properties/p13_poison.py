"""P13: work that can never succeed ends where it is declared to end, and keeps nobody else from succeeding.

A plan makes the partner fail for one piece of work for good. Claimed where the manifest says where such work ends up.
Whether somebody can drive it again from there is for people to try: no run presses that button.
"""

from __future__ import annotations

from harness.checks.evidence import Evidence, Trail
from harness.checks.expectation import ExpectedEffect
from harness.checks.missing import by_boundary, missing, missing_at
from harness.checks.property import Code, Judgement, Property
from harness.checks.verdict import Violation

__all__ = ["PROPERTY"]

NOT_PARKED = Code(
    code="RT215",
    title="poison is not parked",
    means="A piece of work fails for good, and it did not end in the parking place that is declared. It is retried for "
    "ever, or it is gone without a trace.",
    causes=(
        "attempts are not limited, or the limit begins anew with each redelivery",
        "work that was given up is dropped, and only a log line tells of it",
    ),
    fixes=("limit the attempts, and move what has used them up to where somebody looks",),
    exposed_by=("poison at @recv",),
)
STARVED = Code(
    code="RT216",
    title="held up by poison",
    means="A piece of work fails for good, and another one, which has nothing to do with it, was never finished.",
    causes=("one worker takes the failing work again and again, and nothing else", "order is kept over different keys"),
    fixes=("set failing work aside between its attempts", "keep order within one key only"),
    exposed_by=("poison at @recv",),
)


def check(evidence: Evidence) -> Judgement:
    """Looks where poisoned works ended, and at all others."""
    judgement = Judgement(unexercised="no work was made to fail for good, or no parking place is declared")
    if not evidence.expectation.parking or not evidence.poisoned:
        return judgement
    ending, effects = evidence.drain, evidence.expected_effects()
    judgement.exercised.update(effect.boundary for effect in effects)
    for trail in evidence.works.values():
        accepted = trail.first_ok is not None and trail.first_ok < ending.index
        absent = missing_at(evidence, trail, effects, ending) if accepted else []
        if not absent or evidence.is_parked(trail.work):
            continue
        if ending.decides:
            judgement.violations += [_violation(evidence, trail, group) for group in by_boundary(absent).values()]
        else:
            judgement.doubts.append((absent[0].boundary, f"work {trail.work} may still be done, or parked"))
    return judgement


def _violation(evidence: Evidence, trail: Trail, effects: list[ExpectedEffect]) -> Violation:
    poisoned = trail.work in evidence.poisoned
    code = NOT_PARKED if poisoned else STARVED
    names = " and ".join(effect.name for effect in effects)
    return missing(
        evidence,
        trail,
        effects,
        evidence.drain,
        code=code.code,
        prop=PROPERTY.id,
        what=f"work {trail.work} fails for good at {names} and was not parked"
        if poisoned
        else f"work {trail.work} was accepted and {names} never took effect, while another work fails for good",
        expected=f"in the parking place of {evidence.expectation.parking[0]}" if poisoned else "once",
        got=f"neither done nor parked until {evidence.drain.state}",
    )


PROPERTY = Property(
    id="P13",
    name="poison is isolated",
    statement="a permanently failing work ends in its declared parking place; all others complete",
    kind="liveness",
    check=check,
    specific=34,
    codes=(NOT_PARKED, STARVED),
)
