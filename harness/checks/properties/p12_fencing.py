"""P12: once work was given to somebody else, nothing of the one who had it before takes effect.

Who acts under which claim shows in the fencing token that an attempt carries (header `X-Fencing-Token`), or, where a
process stood still while another took over, in who made the attempt. What a claim may write into a step log shows in
how far it gets: the next step does not begin before the record of the one before is there.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from itertools import islice

from harness.checks.evidence import Evidence, Trail
from harness.checks.property import Code, Judgement, Property
from harness.checks.sight import at_node, world_effects
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

WENT_ON = Code(
    code="RT405",
    title="superseded worker was let go on",
    means="A worker that had been given up got past the record of its step, and began the next one, after its "
    "successor had acted. What it wrote into the step log after its claim was over counts.",
    causes=("the log takes records of whoever sends them", "an older claim's record replaces the newer one's"),
    fixes=("compare the claim's number in the transaction that writes the log, and refuse an older one",),
    exposed_by=("pause at @recv until lease+1",),
)


def check(evidence: Evidence) -> Judgement:
    """Goes through the attempts of each effect that were made under more than one claim, and through those of a log."""
    judgement = Judgement(unexercised="no work was seen under two claims")
    for trail in evidence.works.values():
        for name, attempts in trail.attempts.items():
            effect = evidence.effects.get(name)
            if effect and _claims(evidence, attempts) > 1:
                judgement.exercised.add(effect.boundary)
                judgement.violations += _late(evidence, trail, name, attempts)
        for node in evidence.expectation.nodes:
            # The claims of two invocations for one work cannot be compared.
            if node.name in evidence.expectation.journals and node.paths == 1:
                judgement.violations += islice(_past_the_log(evidence, trail, node.name), 1)
    return judgement


def _past_the_log(evidence: Evidence, trail: Trail, node: str) -> Iterator[Violation]:
    """Steps begun under a claim whose step before had its answer when a newer claim had acted already.

    Between two steps stands the record of the first one, and it cannot have been written before its answer came.
    """
    effects = world_effects(evidence, node)
    attempts = sorted(place for effect in effects for place in trail.attempts.get(effect, ()))
    epochs, raised = _raised(evidence, attempts)
    answers = _answers(evidence, trail) if len(epochs) > 1 else {}
    for place in attempts if answers else ():
        mine = evidence.events[place].data.get("epoch")
        known = _known_at(evidence, place, answers)
        above = len(epochs) if mine is None else bisect_right(epochs, mine)
        if known is None or above == len(epochs) or raised[above] > known:
            continue
        later = (p for p in attempts[bisect_right(attempts, known) :] if evidence.events[p].data.get("epoch") == mine)
        beyond = next((p for p in later if evidence.events[p].where != evidence.events[place].where), None)
        if beyond is not None:
            yield _went_on(evidence, trail, node, raised[above], beyond)


def _raised(evidence: Evidence, attempts: list[int]) -> tuple[list[int], list[int]]:
    """The claims that were newer than all before them, rising, and the attempts with which each first acted."""
    epochs: list[int] = []
    raised: list[int] = []
    for place in attempts:
        epoch = evidence.events[place].data.get("epoch")
        if epoch is not None and (not epochs or epoch > epochs[-1]):
            epochs.append(epoch)
            raised.append(place)
    return epochs, raised


def _answers(evidence: Evidence, trail: Trail) -> dict[tuple[str, int], int]:
    """By effect and number of the attempt, where the world first answered it."""
    found: dict[tuple[str, int], int] = {}
    for place in trail.events:
        event = evidence.events[place]
        if event.kind is Kind.ANSWERED:
            found.setdefault((event.where, event.n), place)
    return found


def _known_at(evidence: Evidence, place: int, answers: dict[tuple[str, int], int]) -> int | None:
    """When whoever made this attempt could first know its answer: not while it stood still."""
    asked = evidence.events[place]
    answer = answers.get((asked.where, asked.n))
    if answer is None or not evidence.paused:
        return answer
    between = evidence.disturbances[
        bisect_right(evidence.disturbances, place) : bisect_left(evidence.disturbances, answer)
    ]
    if not any(evidence.events[p].data.get("state") == "paused" for p in between):
        return answer
    after = islice(evidence.disturbances, bisect_right(evidence.disturbances, answer), None)
    return next((p for p in after if evidence.events[p].data.get("state") == "resumed"), None)


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


def _went_on(evidence: Evidence, trail: Trail, node: str, newer: int, beyond: int) -> Violation:
    effect = evidence.events[beyond].where
    return at_node(
        evidence,
        trail,
        node,
        (newer, beyond),
        code=WENT_ON.code,
        prop=PROPERTY.id,
        what=f"{effect} was begun for work {trail.work} under a claim that had been superseded",
        expected="refused at the record of the step before",
        got=f"{effect} attempted",
        likely="the log takes records of an older claim",
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
    codes=(SUPERSEDED, WENT_ON),
)
