"""The fact "twice": an effect that took place more than once for one piece of work, and why that is likely."""

from __future__ import annotations

from dataclasses import dataclass

from harness.checks.evidence import Evidence, Trail
from harness.checks.expectation import ExpectedEffect
from harness.checks.human import took_a_new_key
from harness.checks.verdict import Violation
from harness.checks.witness import invoked_again, witness
from harness.history import Kind

__all__ = ["Second", "duplicate", "second_application"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Second:
    """Where an effect was seen for the second time. first, second: places; equal where one reading counts both."""

    first: int
    second: int
    count: int


def second_application(evidence: Evidence, effect: ExpectedEffect, trail: Trail) -> Second | None:
    """The earliest evidence that an effect was applied twice for this work, or None."""
    if effect.source == "sql":
        return _second_row(evidence, effect, trail)
    applies = trail.applies.get(effect.name, ())
    return Second(first=applies[0], second=applies[1], count=len(applies)) if len(applies) > 1 else None


def _second_row(evidence: Evidence, effect: ExpectedEffect, trail: Trail) -> Second | None:
    before = None
    for reading in evidence.rows.get(effect.name, ()):
        count = evidence.rows_of(reading).get(trail.work, 0)
        if count > 1:
            return Second(first=reading if before is None else before, second=reading, count=count)
        before = reading if count == 1 else before
    return None


def duplicate(
    evidence: Evidence, effect: ExpectedEffect, trail: Trail, second: Second, *, code: str, prop: str
) -> Violation:
    """The violation that says so, up to the second application."""
    boundary = evidence.boundaries.get(effect.boundary)
    process = "client" if took_a_new_key(evidence, trail) else _maker(evidence, effect, second.second)
    sql = (second.second,) if effect.source == "sql" else ()
    return Violation(
        code=code,
        property=prop,
        boundary=effect.boundary,
        work=trail.work,
        effect=effect.name,
        what=f"work {trail.work} took effect twice at {effect.name}",
        expected="once",
        got=f"{second.count} times",
        likely=_likely(evidence, effect, trail, second),
        where_to_look=process,
        owner=boundary.owner if boundary else "nobody",
        spread=invoked_again(evidence, trail, second.second),
        witness=witness(evidence, trail, [effect.name], second.second, *sql),
        fact=("twice", trail.work, effect.name),
    )


def _maker(evidence: Evidence, effect: ExpectedEffect, place: int) -> str:
    return str(evidence.events[place].data.get("process") or evidence.processes.get(effect.node, "") or effect.node)


def _likely(evidence: Evidence, effect: ExpectedEffect, trail: Trail, second: Second) -> str:
    """A guess from what differs between the two applications, and from what happened in between."""
    if took_a_new_key(evidence, trail):
        return "the client made two works of one intention: its second click carried a new key"
    if effect.source == "sql":
        return "the row and the mark that the work is done are not written in one transaction" + _after(
            evidence, trail, second
        )
    keys = [str(evidence.events[place].data.get("key") or "") for place in (second.first, second.second)]
    if not any(keys):
        cause = "the call carries no idempotency key"
    elif keys[0] != keys[1]:
        cause = f"the idempotency key changes between attempts ({keys[0] or 'none'}, then {keys[1] or 'none'})"
    else:
        cause = f"the same key was sent twice and the sink, declared {effect.sink}, did not hold on to it"
    return cause + _after(evidence, trail, second)


def _after(evidence: Evidence, trail: Trail, second: Second) -> str:
    """What made the second attempt happen, as far as it shows."""
    between = [evidence.events[index] for index in evidence.disturbed(second.first, second.second)]
    if any(event.kind is Kind.PHASE and event.where == "replay" for event in between):
        forgot = any(event.kind is Kind.PROCESS for event in between)
        return f", and a repeated request is taken for a new one{' after a restart' if forgot else ''}"
    states = {event.data.get("state") for event in between if event.kind is Kind.PROCESS}
    faults = {event.where.split()[0] for event in between if event.kind is Kind.FAULT and event.where}
    if "paused" in states or "pause" in faults:
        return ", and a worker that had been given up for dead went on (no fencing)"
    if states & {"killed", "exited"} or faults & {"kill", "terminate", "replace"}:
        return ', and "done" is stored after the effect, so the restart did it again'
    if faults & {"cut", "reset", "blackhole"}:
        return ", and an answer that was lost is taken for work that was not done"
    if any(second.first < index < second.second for index in trail.submits):
        return ", and a repeated request is taken for a new one"
    return ", and the effect is attempted again although it was done"
