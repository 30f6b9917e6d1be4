"""P15: after heal and drain nothing is pending, and nothing is attempted any more."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator

from harness.checks.evidence import Ending, Evidence, Trail
from harness.checks.expectation import ExpectedEffect
from harness.checks.missing import likely_loss, missing_at
from harness.checks.property import Code, Judgement, Property
from harness.checks.verdict import Violation
from harness.checks.witness import invoked_again, witness

__all__ = ["PROPERTY"]

PENDING = Code(
    code="RT206",
    title="trigger left pending",
    means="Everything is healed and drained, and a store still holds a trigger that nobody discharges. Either its work "
    "is not done, or it is done and will be done again some day.",
    causes=(
        "the discharge (ack, DONE mark) was lost, and nothing repeats it",
        "a claim that never expires",
        "a failure is swallowed, and the trigger neither retried nor parked",
    ),
    fixes=(
        "make the discharge part of what is repeated: find the effect done by its key, then discharge",
        "give claims a lease that ends",
    ),
    exposed_by=("kill at @applied", "cut the link to the store after the effect"),
)
RESTLESS = Code(
    code="RT207",
    title="attempts after everything was done",
    means="All triggers were discharged, or all work was done, and an effect is still being attempted.",
    causes=(
        "a retry loop in memory that does not know of the discharge",
        "a paused or superseded worker that goes on",
        "an error after the effect is retried for ever",
    ),
    fixes=("let every attempt begin by asking whether the work is still open", "fence superseded workers"),
    exposed_by=("pause at @recv until lease", "cut reply at @deliver", "kill at @applied"),
)


def check(evidence: Evidence) -> Judgement:
    """Looks at the stores at the end of the drain, and at what happened from there to the replay."""
    judgement = Judgement(unexercised="nothing was submitted, or the history ends before the drain does")
    ending = evidence.drain
    if ending.state == "open" or not evidence.works:
        return judgement
    judgement.exercised.update({effect.boundary for effect in evidence.effects.values()} or {""})
    open_triggers = list(_open_triggers(evidence, ending))
    if ending.decides:
        judgement.violations += [_left(evidence, *trigger) for trigger in open_triggers]
        judgement.violations += _restless(evidence, ending)
    else:
        boundaries = [evidence.boundary_of(edge) for edge, _, _ in open_triggers] or sorted(judgement.exercised)
        judgement.doubts += [(each, f"the drain was cut off: {ending.state}") for each in boundaries]
    return judgement


def _open_triggers(evidence: Evidence, ending: Ending) -> Iterator[tuple[str, str, int]]:
    """Edge, work and place of every trigger that a store still held at the end."""
    told: set[str] = set()
    for edge in sorted(evidence.pending):
        left = evidence.left_pending(edge, ending.index) or _pending_again(evidence, edge, ending)
        if left:
            told.update(evidence.held_at(left))
            yield from ((edge, work, left) for work in evidence.held_at(left))
    if ending.state == "undriven":
        yield from (("", work, ending.index) for work in ending.works if work not in told)


def _pending_again(evidence: Evidence, edge: str, ending: Ending) -> int | None:
    """The reading in which a store held something again after it was quiet, and before anything else was submitted."""
    left = evidence.left_pending(edge, ending.limit) if ending.state == "quiet" else None
    return left if left is not None and left > ending.index else None


def _restless(evidence: Evidence, ending: Ending) -> Iterator[Violation]:
    """The first attempt of each work that came after a quiet end; in a livelock, the last one before the end."""
    if ending.state == "quiet":
        places = ((trail, _attempt_after(trail, ending)) for trail in evidence.works.values())
    elif ending.state == "livelock":
        places = ((trail, _last_attempt(trail, ending)) for trail in _circling(evidence, ending))
    else:
        return
    yield from (_still_trying(evidence, trail, place) for trail, place in places if place)


def _attempt_after(trail: Trail, ending: Ending) -> int:
    """The place of the first attempt between an end and its limit; 0 where there is none."""
    late = [places for places in trail.attempts.values() if places[-1] > ending.index]
    firsts = (places[bisect_right(places, ending.index)] for places in late)
    return min((place for place in firsts if place < ending.limit), default=0)


def _last_attempt(trail: Trail, ending: Ending) -> int:
    """The place of the last attempt before an end; 0 where there is none."""
    lasts = (places[bisect_right(places, ending.index) - 1] for places in trail.attempts.values())
    return max((place for place in lasts if place < ending.index), default=0)


def _circling(evidence: Evidence, ending: Ending) -> Iterable[Trail]:
    """The works that a livelock is about: those the runner names; else the one that was attempted last."""
    named = [evidence.works[work] for work in ending.works if work in evidence.works]
    latest = max(evidence.works.values(), key=lambda trail: _last_attempt(trail, ending))
    return named or [latest]


def _left(evidence: Evidence, edge: str, work: str, place: int) -> Violation:
    trail = evidence.works.get(work, Trail(work))
    boundary = evidence.boundary_of(edge)
    owed = evidence.effects_of(boundary) if edge else evidence.expected_effects()
    absent = missing_at(evidence, trail, owed, evidence.drain)
    boundary = absent[0].boundary if absent else boundary
    where = f"in the store of {edge}" if edge else "in its store"
    likely = (
        likely_loss(evidence, trail, absent[0], evidence.drain)
        if absent
        else "the discharge was lost, and nothing repeats it"
    )
    return _violation(evidence, trail, boundary, PENDING.code, place, f"work {work} is still pending {where}", likely)


def _still_trying(evidence: Evidence, trail: Trail, place: int) -> Violation:
    effect = evidence.events[place].where
    boundary = evidence.effects[effect].boundary if effect in evidence.effects else ""
    what = f"{effect} is still attempted for work {trail.work} after everything came to rest"
    likely = "a retry that does not know that the work is done"
    return _violation(evidence, trail, boundary, RESTLESS.code, place, what, likely, effect)


def _violation(
    evidence: Evidence, trail: Trail, boundary: str, code: str, place: int, what: str, likely: str, effect: str = ""
) -> Violation:
    described = evidence.boundaries.get(boundary)
    effects: list[ExpectedEffect] = evidence.effects_of(boundary)
    node = effects[0].node if effects else ""
    decides = max(place, evidence.drain.index)
    return Violation(
        code=code,
        property=PROPERTY.id,
        boundary=boundary,
        work=trail.work,
        effect=effect or (effects[0].name if effects else ""),
        what=what,
        expected="nothing pending, no attempts",
        got="still pending" if code == PENDING.code else "attempted again",
        likely=likely,
        where_to_look=(described.process if described else "") or evidence.processes.get(node, "") or node,
        owner=described.owner if described else "nobody",
        spread=invoked_again(evidence, trail, decides),
        witness=witness(evidence, trail, [each.name for each in effects], decides, place, evidence.drain.index),
        fact=("unfinished", trail.work, boundary),
    )


PROPERTY = Property(
    id="P15",
    name="quiescence",
    statement="after heal and drain: nothing pending, no leases held, no attempts",
    kind="liveness",
    check=check,
    specific=20,
    codes=(PENDING, RESTLESS),
)
