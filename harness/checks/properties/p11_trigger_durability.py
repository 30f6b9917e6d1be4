"""P11: a trigger that is set survives the crash of the store that holds it.

Judged as P1b is, at the end of the drain, for work that was set before a store was killed and that nobody had begun:
there only the store stood between the promise and the work. Where an attempt had begun, the trigger may have been
discharged before the crash, which is no fault of the store's; P1b judges that.
"""

from __future__ import annotations

from bisect import bisect_left

from harness.checks.evidence import Ending, Evidence, Trail
from harness.checks.expectation import ExpectedEffect
from harness.checks.missing import by_boundary, missing, missing_at
from harness.checks.property import Code, Judgement, Property
from harness.checks.verdict import Violation
from harness.history import Kind

__all__ = ["PROPERTY"]

GONE = Code(
    code="RT208",
    title="trigger gone with its store",
    means="A piece of work was accepted, so its trigger was set in a broker or database. That was killed before "
    "anybody had begun the work, and when it was back the trigger was not there any more: the effect never took place.",
    causes=(
        "the store keeps its data in memory, or writes it later: Redis without appendonly, a queue that is not durable",
        "the service does not wait for the confirm, and the publish was still on its way",
        "a consumer was handed the message just then, in a mode where handing over is acknowledging (a pop, auto-ack)",
    ),
    fixes=(
        "make the store durable: appendonly with appendfsync, a durable queue with persistent messages, a file stream",
        "answer after the confirm, and hand over with an acknowledgement that comes after the work",
    ),
    exposed_by=("kill of the broker or database at @reply or @answer",),
    fate="LOST",
)


def check(evidence: Evidence) -> Judgement:
    """Goes through the works whose trigger was set when a store was killed."""
    judgement = Judgement(unexercised="no store was killed while a trigger was set and its work not begun")
    ending, kills = evidence.drain, _store_kills(evidence)
    for trail in evidence.works.values():
        struck = _struck(evidence, trail, kills)
        if struck is None:
            continue
        owed = [effect for effect in evidence.expected_effects() if effect.boundary]
        judgement.exercised.update(effect.boundary for effect in owed)
        absent = missing_at(evidence, trail, owed, ending)
        if absent and not ending.decides:
            judgement.doubts += [
                (effect.boundary, f"{effect.name} may still follow ({ending.state})") for effect in absent
            ]
        elif absent and not _kept(evidence, trail, ending):
            groups = by_boundary(absent).values()
            judgement.violations += [_violation(evidence, trail, group, ending, struck) for group in groups]
    return judgement


def _store_kills(evidence: Evidence) -> list[int]:
    """The places, before the drain ended, where a broker or database was killed."""
    events, stores = evidence.events, evidence.expectation.stores
    killed = (p for p in evidence.disturbances if events[p].kind is Kind.PROCESS and events[p].where in stores)
    return [p for p in killed if p < evidence.drain.index and events[p].data.get("state") == "killed"]


def _struck(evidence: Evidence, trail: Trail, kills: list[int]) -> str | None:
    """The store that was killed after the trigger was set and before any attempt; None where that did not happen."""
    set_at = min([*trail.pending.values(), *([] if trail.first_ok is None else [trail.first_ok])], default=None)
    if set_at is None or (after := bisect_left(kills, set_at)) == len(kills):
        return None
    begun = min((places[0] for places in trail.attempts.values()), default=len(evidence.events))
    return evidence.events[kills[after]].where if kills[after] < begun else None


def _kept(evidence: Evidence, trail: Trail, ending: Ending) -> bool:
    """The store still has it, or it came about later by itself: whatever is wrong then, the trigger is not gone."""
    after = ending.after.get(trail.work, "")
    return ending.state in ("undriven", "livelock") or after.startswith("stuck")


def _violation(
    evidence: Evidence, trail: Trail, effects: list[ExpectedEffect], ending: Ending, store: str
) -> Violation:
    names = " and ".join(effect.name for effect in effects)
    return missing(
        evidence,
        trail,
        effects,
        ending,
        code=GONE.code,
        prop=PROPERTY.id,
        what=f"work {trail.work} was accepted, {store} was killed, and {names} never took effect",
        expected="once",
        got="0 times, and its trigger is gone",
        likely=f"{store} had not made it durable when it confirmed it, or had handed it over and forgotten it",
    )


PROPERTY = Property(
    id="P11",
    name="trigger durability",
    statement="once set, a trigger survives the death of the store that holds it",
    kind="liveness",
    check=check,
    specific=35,
    codes=(GONE,),
)
