"""P2: no effect takes place twice for one piece of work, at any time, unless duplicates are declared tolerable.

Counts applications over the whole history: after retries, after unknown answers, after redelivery, in the replay too
(where P16 sees the same fact and reports it).
"""

from __future__ import annotations

from harness.checks.duplicate import duplicate, second_application
from harness.checks.evidence import Evidence
from harness.checks.property import Code, Judgement, Property

__all__ = ["PROPERTY"]

TWICE = Code(
    code="RT102",
    title="duplicate effect",
    means="An effect took place more than once for one piece of work: a card charged twice, a mail sent twice.",
    causes=(
        "the call carries no idempotency key, or the partner does not honour it",
        "the key contains something that changes: an attempt number, a time, a delivery tag, a new id per request",
        "checking and marking are two steps, and two attempts pass the check together",
        "a worker that lost its lease goes on, while another has taken over",
        "a lease or visibility timeout shorter than the work",
    ),
    fixes=(
        "derive the key from the work, once, and send the same on every attempt",
        "put the local effect and its dedupe record into one transaction",
        "fence: let the store refuse what comes with an older token",
    ),
    exposed_by=("kill at @applied", "cut reply at @deliver", "dup at @deliver", "pause at @recv until lease"),
    fate="DOUBLED",
)


def check(evidence: Evidence) -> Judgement:
    """Looks for a second application of each effect that must not have one."""
    judgement = Judgement(unexercised="no effect took place that must not be repeated")
    guarded = [effect for effect in evidence.effects.values() if effect.duplicates == "never"]
    for trail in evidence.works.values():
        for effect in guarded:
            second = second_application(evidence, effect, trail)
            if second:
                found = duplicate(evidence, effect, trail, second, code=TWICE.code, prop=PROPERTY.id)
                judgement.violations.append(found)
            elif effect.boundary not in judgement.exercised and (
                effect.name in trail.applies or effect.name in evidence.rows
            ):
                judgement.exercised.add(effect.boundary)
    return judgement


PROPERTY = Property(
    id="P2",
    name="at most once",
    statement="no effect is applied more than once for one piece of work, always, unless declared tolerable",
    kind="safety",
    check=check,
    specific=40,
    codes=(TWICE,),
)
