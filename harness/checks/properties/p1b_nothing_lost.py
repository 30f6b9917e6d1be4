"""P1b: accepted work, and work whose trigger was seen in its store, leads to every effect that it should lead to.

Judged at the end of the drain. A work first accepted during the replay is judged at the end of the replay: there a
dedupe mark shows that was written before its effect, and answers "done" to a repeat of something that never happened.
"Not yet" is a loss only where the runner proved that the state is final; a slow system is inconclusive.
"""

from __future__ import annotations

from harness.checks.evidence import Ending, Evidence, Outcome, Trail
from harness.checks.expectation import ExpectedEffect
from harness.checks.missing import by_boundary, missing, missing_at, unread_at
from harness.checks.property import Code, Judgement, Property
from harness.checks.verdict import Violation

__all__ = ["PROPERTY"]

LOST = Code(
    code="RT101",
    title="lost effect",
    means="A piece of work was accepted, so its sender stopped being responsible, and an effect that it should lead to "
    "never took place. Everything was healed, and nothing is left that would still bring it about.",
    causes=(
        "the answer is sent before the work is durable: a background task, a buffer, a commit that comes later",
        "the work is marked done, or its message acknowledged, before the effect",
        "the work is durable, and nothing ever looks for it again",
        "a publish without a confirm, or marked as sent before the confirm",
    ),
    fixes=(
        "store first, answer after the commit; publish first, mark as sent after the confirm",
        "do the effect first, and record or acknowledge it afterwards; make the effect idempotent by key",
        "let a scanner poll for undone work, not only at start-up",
    ),
    exposed_by=("kill at @recv", "kill at @answer or @reply", "cut request at @deliver", "kill of the broker"),
    fate="LOST",
)
UNOWNED = Code(
    code="RT201",
    title="stranded work without an owner",
    means="An accepted piece of work stopped half-way in a node that no trigger re-drives. What was done stays, what "
    "was not done never will be, and no component knows of it.",
    causes=(
        "a synchronous chain without a root trigger: nobody upstream waits and tries again",
        "the node answers at once and works afterwards, with no trigger of its own",
        "in-situ retries stand in for a trigger, and die with the process that makes them",
    ),
    fixes=(
        "give the node a trigger (a queue in front of it, an inbox in it), or",
        "let the call be awaited all the way up to an owner that tries again: a human, a queue, an engine",
    ),
    exposed_by=("kill the node at @recv", "kill the retrying caller together with its callee"),
    fate="LOST",
)
UNTIL_WORK = Code(
    code="RT202",
    title="stuck until more work arrives",
    means="An accepted piece of work stood still until another one was submitted, which woke up whatever drives both. "
    "The last work of the day stays where it is.",
    causes=(
        "the driver is woken by an insert or a message, and not by time",
        "a lost notification is not made up for by a poll",
    ),
    fixes=("poll as well, at a bounded interval; treat notifications as a shortcut only",),
    exposed_by=("kill the worker at @recv", "black-hole the link to the broker"),
    fate="STUCK_UNTIL_NEXT_WORK",
)
UNTIL_RESTART = Code(
    code="RT203",
    title="stuck until a restart",
    means="An accepted piece of work stood still until a process was restarted. In production that is the next deploy.",
    causes=(
        "recovery runs at start-up only",
        "a claim or a connection that is never given up while its holder lives",
        "all attempts were spent while a dependency was away, and only a start begins a new round",
    ),
    fixes=(
        "run the recovery scan periodically, not only at start-up",
        "let claims expire, and fence late holders",
    ),
    exposed_by=("black-hole or refuse the link to a dependency until the attempts end, with the worker alive",),
    fate="STUCK_UNTIL_RESTART",
)
UNDRIVEN = Code(
    code="RT204",
    title="trigger that nobody drives",
    means="An accepted piece of work is still in its store, far longer than its trigger's declared bounds allow, and "
    "nothing takes it up.",
    causes=(
        "there is an inbox or an outbox, and no scanner",
        "a claim without a lease: its holder died, and the row stays claimed for ever",
        "a consumer that is not subscribed again after the broker came back",
    ),
    fixes=("add the scanner", "give claims a lease that ends", "reconnect and subscribe again"),
    exposed_by=("kill at @recv", "kill of the broker"),
    fate="UNDRIVEN",
)
LIVELOCK = Code(
    code="RT205",
    title="attempts without end",
    means="Everything is healed and the accepted work is attempted again and again, but its effect never takes place.",
    causes=(
        "the first, interrupted attempt left a state that every later attempt fails on",
        "an error that retrying cannot cure is retried without limit",
    ),
    fixes=(
        "make each step either done or not done: one transaction, or idempotent by key",
        "tell permanent errors from passing ones, and park the former where somebody looks",
    ),
    exposed_by=("kill between the effect and its record (@applied)", "kill during recovery of the same work"),
    fate="LIVELOCK",
)

_GOT = {
    "quiet": "0 times, and nothing is pending or in flight any more",
    "stranded": "0 times, and no trigger is left that could start it",
    "undriven": "0 times; its trigger is still stored, and nothing drives it",
    "slow": "0 times, long after the declared time; work that was submitted later was done meanwhile",
    "overdue": "0 times, much later than its trigger promises; whether that is still set, nothing shows",
    "livelock": "0 times; it is attempted again and again without success",
}
_NEVER = "never took effect"
_STUCK = {
    "stuck_until_next_work": (UNTIL_WORK, "0 times until more work was submitted"),
    "stuck_until_restart": (UNTIL_RESTART, "0 times until the processes were restarted"),
}
_BY_STATE = {"undriven": UNDRIVEN, "livelock": LIVELOCK}


def check(evidence: Evidence) -> Judgement:
    """Goes through the works that somebody has become responsible for."""
    judgement = Judgement(unexercised="no work was accepted, and no trigger was seen")
    accepted = evidence.expected_effects()
    for trail in evidence.works.values():
        if evidence.is_parked(trail.work):
            continue  # that is its end: P13 looks at it
        if trail.first_ok is not None and not _is_probe(evidence, trail.first_ok):
            ending = _ending_for(evidence, trail.first_ok)
            _judge(evidence, trail, accepted, ending, judgement)
        elif trail.pending:
            _judge_triggered(evidence, trail, judgement)
    return judgement


def _is_probe(evidence: Evidence, since: int) -> bool:
    """Accepted after a deadline, to see whether more work frees what stayed behind: nobody waited for this one."""
    return evidence.replay is None and evidence.drain.index < since and evidence.drain.state not in ("quiet", "open")


def _ending_for(evidence: Evidence, since: int) -> Ending:
    """The end by which work that is owed since that place must be done."""
    if since < evidence.drain.index:
        return evidence.drain
    return evidence.replay or Ending(index=len(evidence.events), limit=len(evidence.events))


def _judge_triggered(evidence: Evidence, trail: Trail, judgement: Judgement) -> None:
    """No ok was received, but a store was seen to hold the work: from then on it is owed."""
    for edge, since in trail.pending.items():
        ending = _ending_for(evidence, since)
        if evidence.outcome(trail, ending.limit) is Outcome.UNKNOWN:
            effects = evidence.effects_of(evidence.boundary_of(edge))
            _judge(evidence, trail, effects, ending, judgement, how="was stored")


def _judge(
    evidence: Evidence,
    trail: Trail,
    effects: list[ExpectedEffect],
    ending: Ending,
    judgement: Judgement,
    how: str = "was accepted",
) -> None:
    judgement.exercised.update(effect.boundary for effect in effects)
    absent = missing_at(evidence, trail, effects, ending)
    if ending.decides_on(trail.work):
        for group in by_boundary(absent).values():
            judgement.violations.append(_violation(evidence, trail, group, ending, how))
    else:
        judgement.doubts += [(effect.boundary, _slow(trail, effect, ending)) for effect in absent]
    for effect in unread_at(evidence, effects, ending):
        judgement.doubts.append((effect.boundary, f"the rows of {effect.name} were not read at the end"))


def _slow(trail: Trail, effect: ExpectedEffect, ending: Ending) -> str:
    if ending.state == "open":
        return f"the history stops before it is decided whether {effect.name} follows for work {trail.work}"
    return f"{effect.name} for work {trail.work} had not followed within the budget, and may still ({ending.state})"


def _violation(evidence: Evidence, trail: Trail, effects: list[ExpectedEffect], ending: Ending, how: str) -> Violation:
    code, got = _which(trail, effects[0], ending)
    names = " and ".join(effect.name for effect in effects)
    return missing(
        evidence,
        trail,
        effects,
        ending,
        code=code.code,
        prop=PROPERTY.id,
        what=f"work {trail.work} {how} and {names} {'did not take effect by itself' if 'until' in got else _NEVER}",
        expected="once",
        got=got,
    )


def _which(trail: Trail, effect: ExpectedEffect, ending: Ending) -> tuple[Code, str]:
    stuck = _STUCK.get(ending.after.get(trail.work, ""))
    if stuck:
        return stuck
    unowned = UNOWNED if not effect.boundary else LOST
    return _BY_STATE.get(ending.state, unowned), _GOT[ending.state]


PROPERTY = Property(
    id="P1b",
    name="no acknowledged work lost",
    statement="ack ok, or trigger set, leads to every effect in the boundary and downstream of it",
    kind="liveness",
    check=check,
    specific=30,
    codes=(LOST, UNOWNED, UNTIL_WORK, UNTIL_RESTART, UNDRIVEN, LIVELOCK),
)
