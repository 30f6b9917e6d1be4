"""P8: what later steps use of an earlier step is one and the same result, however often either of them runs.

The world answers each application with a nonce of its own, so a result can be recognised wherever it is carried on.
"""

from __future__ import annotations

from harness.checks.evidence import Evidence, Trail
from harness.checks.property import Code, Judgement, Property
from harness.checks.sight import at_node
from harness.checks.verdict import Violation

__all__ = ["PROPERTY"]

OTHER = Code(
    code="RT403",
    title="another result than the first one is used",
    means="Later steps of one piece of work carried two different results of the same earlier step. What was done with "
    "the first one and what was done with the second do not belong together.",
    causes=(
        "a repeat takes the step again, and goes on with the new result instead of the recorded one",
        "the record is written after the result was used",
    ),
    fixes=("record the first result, and use the recorded one also in the first run", "make the step keyed"),
    exposed_by=("kill at @recv of a later step", "kill at @applied of a later step"),
)


def check(evidence: Evidence) -> Judgement:
    """Compares the results that the attempts of each work carry on."""
    judgement = Judgement(unexercised="no attempt carried the result of an earlier step more than once")
    for trail in evidence.works.values():
        first: dict[str, tuple[str, int]] = {}
        for place in sorted(place for places in trail.attempts.values() for place in places):
            for step, nonce in evidence.events[place].data.get("uses", {}).items():
                known, before = first.setdefault(step, (nonce, place))
                if known != nonce:
                    judgement.violations.append(_violation(evidence, trail, step, before, place))
                    return judgement
                if before != place and step in evidence.effects:
                    judgement.exercised.add(evidence.effects[step].boundary)
    return judgement


def _violation(evidence: Evidence, trail: Trail, step: str, before: int, place: int) -> Violation:
    effect = evidence.events[place].where
    node = evidence.effects[effect].node if effect in evidence.effects else ""
    return at_node(
        evidence,
        trail,
        node,
        (before, place),
        code=OTHER.code,
        prop=PROPERTY.id,
        what=f"{effect} uses another result of {step} for work {trail.work} than was used before",
        expected=f"the first result of {step}",
        got="another one",
        likely=f"{step} was done again, and its new result taken",
        kind="initial",
        effect=effect,
    )


PROPERTY = Property(
    id="P8",
    name="cached result is the first result",
    statement="the result of a step that is used later is the one that was used first",
    kind="safety",
    check=check,
    specific=13,
    codes=(OTHER,),
)
