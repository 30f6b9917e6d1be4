"""The fact "missing": effects that should have been there and were not, and why that is likely."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from harness.checks.evidence import Ending, Evidence, Trail
from harness.checks.expectation import ExpectedEffect
from harness.checks.saga import is_undone, owed
from harness.checks.verdict import Violation
from harness.checks.witness import invoked_again, witness

__all__ = ["by_boundary", "likely_loss", "missing", "missing_at", "owed_at", "unread_at"]


def missing_at(
    evidence: Evidence, trail: Trail, effects: Iterable[ExpectedEffect], ending: Ending
) -> list[ExpectedEffect]:
    """Those of the effects that are owed and had surely not been applied for this work at an ending."""
    return [e for e in owed_at(evidence, trail, effects, ending) if evidence.applied(e, trail, ending) == 0]


def owed_at(
    evidence: Evidence, trail: Trail, effects: Iterable[ExpectedEffect], ending: Ending
) -> list[ExpectedEffect]:
    """Those of the effects that have to be there in the end, as far as an ending tells."""
    if not evidence.compensates:
        return list(effects)
    declared = evidence.effects.values()
    refused = trail.refused is not None and trail.refused < ending.index
    done = {effect.name for effect in declared if evidence.applied(effect, trail, ending)}
    return owed(effects, done, undone=is_undone(declared, done, refused=refused))


def unread_at(evidence: Evidence, effects: Iterable[ExpectedEffect], ending: Ending) -> list[ExpectedEffect]:
    """Those of the effects whose rows nobody read at an ending, so that nothing can be said of them."""
    return [e for e in effects if e.source == "sql" and evidence.reading(e.name, ending) is None]


def by_boundary(effects: Iterable[ExpectedEffect]) -> dict[str, list[ExpectedEffect]]:
    """The effects sorted into their boundaries, order kept."""
    groups: dict[str, list[ExpectedEffect]] = {}
    for effect in effects:
        groups.setdefault(effect.boundary, []).append(effect)
    return groups


def missing(
    evidence: Evidence,
    trail: Trail,
    effects: Sequence[ExpectedEffect],
    ending: Ending,
    *,
    code: str,
    prop: str,
    what: str,
    expected: str,
    got: str,
    likely: str = "",
    upto: int | None = None,
    kind: str = "unfinished",
) -> Violation:
    """The violation that says so. The effects are those of one boundary; the first of them stands for all.

    upto: the place that decides, where that is not the ending. kind: of the fact.
    """
    first = effects[0]
    boundary = evidence.boundaries.get(first.boundary)
    process = evidence.processes.get(first.node, "") or first.node
    decides = min(ending.index, len(evidence.events) - 1) if upto is None else upto
    return Violation(
        code=code,
        property=prop,
        boundary=first.boundary,
        work=trail.work,
        effect=first.name,
        what=what,
        expected=expected,
        got=got,
        likely=likely or likely_loss(evidence, trail, first, ending) + _or_late(ending),
        where_to_look=(boundary.process or process) if boundary else process,
        owner=boundary.owner if boundary else "nobody",
        spread=invoked_again(evidence, trail, decides),
        witness=_witness(evidence, trail, effects, decides),
        fact=(kind, trail.work, first.boundary),
    )


def _witness(evidence: Evidence, trail: Trail, effects: Sequence[ExpectedEffect], decides: int) -> tuple[int, ...]:
    still = [place for place in trail.pending.values() if place <= decides]
    return witness(evidence, trail, [effect.name for effect in effects], decides, *still[-1:], decides)


def likely_loss(evidence: Evidence, trail: Trail, effect: ExpectedEffect, ending: Ending) -> str:
    """A guess at how an accepted piece of work got lost, from where its trigger and its attempts were last seen."""
    after = ending.after.get(trail.work, "")
    if after in _LIKELY_STUCK:
        return _LIKELY_STUCK[after]
    if ending.state == "livelock":
        return "the interrupted attempt left a state that every later one fails on"
    if evidence.was_given_up(trail.work):
        return "given up and parked before the outage was over: its attempts end too soon, or max_detect_s is too long"
    if not effect.boundary:
        return f"no trigger owns {effect.node}: after a failure there is nobody to try again"
    edges = [edge.name for edge in evidence.expectation.edges if edge.boundary == effect.boundary]
    left = [evidence.left_pending(edge, ending.index) for edge in edges]
    if any(reading is not None and trail.work in evidence.held_at(reading) for reading in left):
        return "the work is stored, but nothing drives it: no scanner, or a claim that never expires"
    if any(edge in trail.pending for edge in edges):
        return "the trigger was discharged (acknowledged, marked done) before the effect had taken place"
    if trail.attempts.get(effect.name):
        return "the attempt that died was the only one: nothing durable was left to start another"
    if edges:
        return "acknowledged before it was durable: no store ever knew of this work"
    return "acknowledged before it was durable, or stored where nothing re-drives it"


def _or_late(ending: Ending) -> str:
    """Where no store could be read, the declared times are the only measure; they may be wrong."""
    return (
        "; or it comes later than max_detect_s and backoff_max_s declare" if ending.state in ("slow", "overdue") else ""
    )


_LIKELY_STUCK = {
    "stuck_until_restart": "the stored work is looked at only at start-up",
    "stuck_until_next_work": "the stored work is looked at only when more work arrives",
}
