"""P12: once work was given to somebody else, nothing of the one who had it before takes effect.

Who acts under which claim shows in the fencing token that an attempt carries (header `X-Fencing-Token`), or, where a
process stood still while another took over, in who made the attempt.
"""

from __future__ import annotations

from collections.abc import Iterator

from harness.checks.evidence import Evidence, Trail
from harness.checks.property import Code, Judgement, Property
from harness.checks.sight import at_node
from harness.checks.verdict import Violation
from harness.history import Kind

__all__ = ["PROPERTY"]

SUPERSEDED = Code(
    code="RT404",
    title="superseded worker took effect",
    means="A worker that had been given up, and whose work somebody else had taken over, went on and its effect took "
    "place. Two acted for one piece of work at the same time.",
    causes=(
        "a lease says who tries next, and nothing says who may finish",
        "a worker that was paused does not ask whether its claim is still good",
    ),
    fixes=(
        "raise a token with each claim, carry it to where the effect is made, and refuse older ones there",
        "or make the effect keyed by the work, so that whoever comes second changes nothing",
    ),
    exposed_by=("pause at @recv until lease+1", "hold at @recv until lease+1"),
)


def check(evidence: Evidence) -> Judgement:
    """Goes through the attempts of each effect that were made under more than one claim."""
    judgement = Judgement(unexercised="no work was seen under two claims")
    for trail in evidence.works.values():
        for name, attempts in trail.attempts.items():
            effect = evidence.effects.get(name)
            if effect and _claims(evidence, attempts) > 1:
                judgement.exercised.add(effect.boundary)
                judgement.violations += _late(evidence, trail, name, attempts)
    return judgement


def _claims(evidence: Evidence, attempts: list[int]) -> int:
    """How many claims, or, where none is told, processes the attempts were made under."""
    events = [evidence.events[place] for place in attempts]
    told = {event.data["epoch"] for event in events if "epoch" in event.data}
    return len(told) or len({event.data.get("process") for event in events})


def _late(evidence: Evidence, trail: Trail, effect: str, attempts: list[int]) -> Iterator[Violation]:
    """The first application of an attempt that came after one under a newer claim."""
    by_number = {evidence.events[place].n: place for place in attempts}
    for applied in trail.applies.get(effect, ()):
        place = by_number.get(int(evidence.events[applied].data.get("attempt") or 0))
        newer = _newer(evidence, attempts, place) if place is not None else None
        if newer is not None and place is not None:
            yield _violation(evidence, trail, effect, newer, applied)
            return


def _newer(evidence: Evidence, attempts: list[int], place: int) -> int | None:
    """An earlier attempt under a newer claim than the one at this place."""
    event = evidence.events[place]
    before = [other for other in attempts if other < place]
    if "epoch" in event.data:
        mine = event.data["epoch"]
        return next((other for other in before if evidence.events[other].data.get("epoch", mine) > mine), None)
    mine = event.data.get("process")
    others = [other for other in before if evidence.events[other].data.get("process") != mine]
    return next((other for other in others if _stood_still(evidence, str(mine), other)), None)


def _stood_still(evidence: Evidence, process: str, before: int) -> bool:
    """Whether a process had been paused before that place."""
    changes = (evidence.events[place] for place in evidence.disturbances if place < before)
    return any(e.kind is Kind.PROCESS and e.where == process and e.data.get("state") == "paused" for e in changes)


def _violation(evidence: Evidence, trail: Trail, effect: str, newer: int, applied: int) -> Violation:
    return at_node(
        evidence,
        trail,
        evidence.effects[effect].node,
        (newer, applied),
        code=SUPERSEDED.code,
        prop=PROPERTY.id,
        what=f"{effect} took effect for work {trail.work} under a claim that had been superseded",
        expected="nothing of an older claim applied after a newer one acted",
        got="applied",
        likely="the claim is not checked where the effect is made",
        kind="superseded",
        effect=effect,
    )


PROPERTY = Property(
    id="P12",
    name="fencing",
    statement="nothing of an older epoch is applied after re-assignment",
    kind="safety",
    check=check,
    specific=16,
    codes=(SUPERSEDED,),
)
