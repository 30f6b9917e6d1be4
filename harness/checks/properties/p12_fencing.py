"""P12: once work was given to somebody else, nothing of the one who had it before takes effect.

Who acts under which claim shows in the fencing token that an attempt carries (header `X-Fencing-Token`), or, where a
process stood still while another took over, in who made the attempt.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator

from harness.checks.evidence import Evidence, Trail
from harness.checks.property import Code, Judgement, Property
from harness.checks.sight import at_node
from harness.checks.verdict import Violation

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
    newer = _newer(evidence, attempts)
    by_number = {evidence.events[place].n: place for place in attempts}
    for applied in trail.applies.get(effect, ()):
        place = by_number.get(int(evidence.events[applied].data.get("attempt") or 0))
        if place in newer:
            yield _violation(evidence, trail, effect, newer[place], applied)
            return


def _newer(evidence: Evidence, attempts: list[int]) -> dict[int | None, int]:
    """By attempt, the first one before it that was made under a newer claim, for those that have one."""
    found: dict[int | None, int] = {}
    epochs: list[int] = []
    raised: list[int] = []
    taken_over: dict[str, int] = {}
    for place in attempts:
        data = evidence.events[place].data
        process = str(data.get("process"))
        if "epoch" in data:
            above = bisect_right(epochs, data["epoch"])
            if above < len(epochs):
                found[place] = raised[above]
            elif not epochs or data["epoch"] > epochs[-1]:
                epochs.append(data["epoch"])
                raised.append(place)
        elif process in taken_over:
            found[place] = taken_over[process]
        for paused, since in evidence.paused.items():
            if paused != process and since < place:
                taken_over.setdefault(paused, place)
    return found


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
