"""P7: a step whose result is in the log is not attempted again, and the next one does not begin before it is there.

The log is read just before each attempt of its node's effects, while the caller waits for the answer: what stands there
then was durable before the attempt.
"""

from __future__ import annotations

from bisect import bisect_left

from harness.checks.evidence import Evidence, Trail
from harness.checks.property import Code, Judgement, Property
from harness.checks.sight import at_node, world_effects
from harness.checks.verdict import Violation

__all__ = ["PROPERTY"]

AGAIN = Code(
    code="RT401",
    title="completed step attempted again",
    means="A step of a piece of work was attempted although its result was already durable in the log of its node. The "
    "log is written and not read.",
    causes=(
        "recovery begins at the first step, whatever the log says",
        "the step is looked up under another name or number than it was written: the code is not deterministic",
    ),
    fixes=("serve a step from the log where it has one", "name steps by what they do, not by a counter"),
    exposed_by=("kill at @recv of a later step", "kill at @applied of a later step"),
)
AHEAD = Code(
    code="RT402",
    title="step begun before the one before it was durable",
    means="A step was attempted while the result of the step before it was not in the log. A crash now repeats a step "
    "whose result has already been used.",
    causes=("the log is written in the background, or in batches", "the next step does not wait for the commit"),
    fixes=("commit the result of a step before the next one begins",),
    exposed_by=("no fault at all", "kill at @recv of the next step"),
)


def check(evidence: Evidence) -> Judgement:
    """Holds each attempt against the log as it was just before."""
    judgement = Judgement(unexercised="no step log is read, or no step of it was attempted")
    for node in evidence.expectation.journals:
        effects = world_effects(evidence, node)
        readings = evidence.journals.get(node, [])
        for trail in evidence.works.values():
            for number, effect in enumerate(effects):
                for place in trail.attempts.get(effect, ()):
                    known = _known(evidence, readings, trail, place)
                    _judge(evidence, trail, node, effects[:number], effect, place, known, judgement)
    return judgement


def _known(evidence: Evidence, readings: list[int], trail: Trail, place: int) -> tuple[int, list[str]] | None:
    """The last reading before a place, and the steps of this work in it."""
    at = bisect_left(readings, place)
    if not at:
        return None
    steps: dict[str, list[str]] = evidence.events[readings[at - 1]].data.get("steps", {})
    return readings[at - 1], steps.get(trail.work, [])


def _judge(
    evidence: Evidence,
    trail: Trail,
    node: str,
    before: list[str],
    effect: str,
    place: int,
    known: tuple[int, list[str]] | None,
    judgement: Judgement,
) -> None:
    if known is None:
        return
    reading, steps = known
    judgement.exercised.add(evidence.effects[effect].boundary)
    missing = [step for step in before if step not in steps]
    if effect in steps:
        got = f"{effect} attempted with its result in the log"
        judgement.violations.append(_violation(evidence, trail, node, effect, (reading, place), AGAIN, got))
    elif missing:
        got = f"{effect} attempted without {missing[0]} in the log"
        judgement.violations.append(_violation(evidence, trail, node, effect, (reading, place), AHEAD, got))


def _violation(
    evidence: Evidence, trail: Trail, node: str, effect: str, places: tuple[int, int], code: Code, got: str
) -> Violation:
    return at_node(
        evidence,
        trail,
        node,
        places,
        code=code.code,
        prop=PROPERTY.id,
        what=f"{got}, for work {trail.work}",
        expected="each step once its predecessor is in the log, and until it is there itself",
        got=got,
        likely="the log is not read" if code is AGAIN else "the log is written too late",
        kind="often" if code is AGAIN else "early",
        effect=effect,
    )


PROPERTY = Property(
    id="P7",
    name="a completed step is not re-executed",
    statement="no attempt of a step after its log record is durable, and none before that of the step before it",
    kind="safety",
    check=check,
    specific=14,
    codes=(AGAIN, AHEAD),
)
