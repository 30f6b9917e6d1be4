"""Telling a witness: a numbered line per event, in words that a reader follows who knows neither system nor tool."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from harness.checks.evidence import declared
from harness.checks.expectation import Expectation
from harness.checks.verdict import Violation
from harness.history import Event, History, Kind

__all__ = ["narrate"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One line before it is set in columns: what happened, what came of it, what that means."""

    what: str
    result: str = ""
    remark: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """What a line may look at besides its own event.

    history: all events. violation: the one that is told. expectation: what was declared.
    told: the places that have a line of their own, so that nothing is said twice.
    """

    history: History
    violation: Violation
    expectation: Expectation
    told: frozenset[int]

    @property
    def process(self) -> str:
        """The process of the node that makes the effect."""
        node = next((e.node for e in self.expectation.effects if e.name == self.violation.effect), "")
        return next((n.process for n in self.expectation.nodes if n.name == node), node) or "the service"


def narrate(history: History, violation: Violation) -> list[str]:
    """One line per event of the witness, numbered from 1, in columns.

    Raises:
        HistoryError: the history does not declare its system.
    """
    telling = Telling(
        history=history, violation=violation, expectation=declared(history), told=frozenset(violation.witness)
    )
    steps = [_step(telling, place, history.events[place]) for place in violation.witness]
    if steps:
        steps[-1] = _marked(steps[-1], violation, history.events[violation.witness[-1]])
    what = max((len(step.what) for step in steps if step.result or step.remark), default=0)
    result = max((len(step.result) for step in steps if step.remark), default=0)
    return [_line(number, step, what, result) for number, step in enumerate(steps, start=1)]


def _line(number: int, step: Step, what: int, result: int) -> str:
    arrow = f"-> {step.result}" if step.result else ""
    return f"{number:>3}  {step.what:<{what}}  {arrow:<{result + 3}}  {step.remark}".rstrip()


def _marked(step: Step, violation: Violation, event: Event) -> Step:
    """The last line says in how far it is the wrong one."""
    return Step(what=step.what, result=step.result, remark=f"{step.remark}   <- {_mark(violation, event)}".strip())


def _mark(violation: Violation, event: Event) -> str:
    kind, got = violation.fact[0], violation.got
    if kind == "twice":
        return _time(event.n) if event.n > 1 else "more than once"
    if kind == "unfinished":
        _, until, what = got.partition(" until ")
        return got if got in ("still pending", "attempted again") else f"not done{until}{what}"
    return "not what is declared" if kind.startswith("declared") else _MARKS.get(kind, "nobody asked for this")


_MARKS = {
    "again": "not part of what the fault may touch",
    "answers": "not the same answer",
    "early": "too early",
    "failure": "and it stands",
    "initial": "not what it was set out with",
    "mistaken": "not the answer to this",
    "often": "once too often",
    "superseded": "it had been given up",
    "owner": "nobody would take it up",
}


def _time(n: int) -> str:
    return {2: "second time", 3: "third time"}.get(n, f"{n}th time")


def _step(telling: Telling, place: int, event: Event) -> Step:
    tell = _TELL.get(event.kind)
    return tell(telling, place, event) if tell else Step(what=f"{event.kind.value} {event.where}".strip())


def _submit(telling: Telling, place: int, event: Event) -> Step:
    again = " again" if event.n > 1 else ""
    return Step(what=f"submit {event.work}{again}", remark=_LAST_RESORT.get(telling.expectation.root, ""))


_LAST_RESORT = {"human": "a person waits for the answer", "caller": "the caller repeats it until it is answered"}


def _answer(telling: Telling, place: int, event: Event) -> Step:
    sent = _sent_by(telling.history, place)
    head = "answer to" if sent in telling.told else "submit"
    outcome = str(event.data.get("outcome", "unknown"))
    status = event.data.get("status")
    word = {"ok": "accepted", "rejected": "rejected"}.get(outcome, "unknown")
    said = " ".join(part for part in (str(status or ""), word) if part)
    detail = str(event.data.get("detail") or "")
    again = " again" if head == "submit" and event.n > 1 else ""
    remark = _responsible(telling) if outcome == "ok" else detail if outcome == "rejected" else _unknown(detail)
    return Step(what=f"{head} {event.work}{again}", result=said, remark=remark)


def _unknown(detail: str) -> str:
    return f"{detail}: done or not, the client cannot tell" if detail else "done or not, the client cannot tell"


def _sent_by(history: History, place: int) -> int:
    """The place of the submit that an answer belongs to: the nearest before it with the same key and ordinal."""
    answer = history.events[place]
    for earlier in range(place - 1, -1, -1):
        event = history.events[earlier]
        if event.kind is Kind.SUBMIT and event.work == answer.work and event.n in (answer.n, 0):
            return earlier
    return -1


def _responsible(telling: Telling) -> str:
    violation = telling.violation
    if violation.fact[0] == "answers":
        return ""
    if violation.effect in telling.expectation.awaited:
        return f"{violation.effect} should be done by now"
    owner = next((b.owner or b.name for b in telling.expectation.boundaries if b.name == violation.boundary), "")
    return f"responsibility is now with {owner}" if owner else "and from here on nobody is responsible"


def _attempt(telling: Telling, place: int, event: Event) -> Step:
    return Step(
        what=f"{_caller(telling, event)} calls {event.where} for {event.work or 'no work id'}",
        remark=f"attempt {event.n or 1}{_key(event)}",
    )


def _apply(telling: Telling, place: int, event: Event) -> Step:
    if _attempt_is_told(telling, event):
        return Step(what=f"{event.where} for {event.work}", result="applied", remark=f"{event.where} #{event.n or 1}")
    what = f"{_caller(telling, event)} calls {event.where} for {event.work or 'no work id'}"
    return Step(what=what, result="applied", remark=f"{event.where} #{event.n or 1}{_key(event)}")


def _attempt_is_told(telling: Telling, event: Event) -> bool:
    told = (telling.history.events[place] for place in telling.told)
    attempts = {(t.where, t.work, t.n) for t in told if t.kind is Kind.ATTEMPT}
    return (event.where, event.work, int(event.data.get("attempt") or 0)) in attempts


def _caller(telling: Telling, event: Event) -> str:
    return str(event.data.get("process") or telling.process)


def _key(event: Event) -> str:
    key = event.data.get("key")
    return f", key {key}" if key else ", no key"


def _answered(telling: Telling, place: int, event: Event) -> Step:
    status = int(event.data.get("status") or 0)
    if status >= 400:
        return Step(what=f"{event.where} for {event.work}", result=str(status), remark="the partner failed")
    return Step(
        what=f"{_caller(telling, event)} calls {event.where} for {event.work or 'no work id'}",
        result="known already",
        remark=f"attempt {event.n or 1}: the first answer again, no second effect",
    )


def _drop(telling: Telling, place: int, event: Event) -> Step:
    return Step(what=f"{event.where} for {event.work}", result="dropped", remark="its caller was gone: never applied")


def _deliver(telling: Telling, place: int, event: Event) -> Step:
    again = f"delivery {event.n}" if event.n > 1 else ""
    return Step(what=f"{event.data.get('node', event.where)} gets {event.work}", remark=again)


def _reply(telling: Telling, place: int, event: Event) -> Step:
    about = ", ".join(event.data.get("about", ()))
    remark = f"it speaks of {about}" if about not in ("", event.work) else ""
    return Step(
        what=f"{event.data.get('node', event.where)} answers {event.work}",
        result=str(event.data.get("status") or ""),
        remark=remark,
    )


def _give_up(telling: Telling, place: int, event: Event) -> Step:
    return Step(what=f"the client gives up on {event.work}", remark=str(event.data.get("why", "")))


def _fault(telling: Telling, place: int, event: Event) -> Step:
    struck, _, point = event.where.partition("@")
    verb, *target = struck.split()
    direction = target[0] if len(target) > 1 else ""
    on_link = _ON_LINKS.get(f"{verb} {direction}".strip())
    late = ", and the call that was held takes effect later" if event.where.endswith(" late") else ""
    if struck.strip() in _HUMAN:
        return Step(what=f"the client: {struck.strip().upper()}", remark=_HUMAN[struck.strip()])
    if verb == "poison" and " until " in event.where:
        on_link = "the partner fails for this work for a while"
    what = f"{verb.upper()} {' '.join(target)}".strip()
    return Step(what=what, remark=(on_link.format(place=_place(point)) if on_link else _gap(point)) + late)


_HUMAN = {
    "click twice": "the same request goes out twice, under one key",
    "give up": "nobody waits any more, and nobody will try again",
    "new key": "the next request is a new piece of work to everybody who sees it",
}
_ON_LINKS = {
    "cut request": "the request never reaches {place}",
    "reset request": "the request never reaches {place}",
    "blackhole request": "the request never reaches {place}",
    "cut reply": "{place} goes through, its answer never arrives",
    "reset reply": "{place} goes through, its answer never arrives",
    "blackhole reply": "{place} goes through, its answer never arrives",
    "refuse": "connections are refused",
    "dup": "the same request is delivered twice",
    "poison": "the partner fails for this work, now and whenever it is asked again",
    "hold": "the request is held back, and delivered late",
}


def _place(point: str) -> str:
    """The node or effect of a point: `recv charge w1 #2` is at charge."""
    return next(iter(point.split()[1:2]), "the other side")


def _gap(point: str) -> str:
    """Where a fault struck, in words: `applied charge w1 #2` is after the effect, before the caller saw the answer."""
    words = _GAPS.get(next(iter(point.split()), ""))
    return words.format(place=_place(point)) if words else f"@{point}" if point else ""


_GAPS = {
    "recv": "before the effect {place}",
    "applied": "after the effect {place}, before its caller saw the answer",
    "deliver": "before {place} saw the request",
    "reply": "after {place} had answered, before the answer arrived",
    "submit": "before {place} was sent",
    "answer": "after the client had its answer for {place}",
    "ready": "as soon as {place} was up",
}


def _process(telling: Telling, place: int, event: Event) -> Step:
    state = str(event.data.get("state", ""))
    words = {
        "started": "restarts",
        "exited": "exits by itself",
        "killed": "is killed",
        "paused": "is paused",
        "resumed": "goes on where it was paused",
    }
    return Step(what=f"{event.where} {words.get(state, state)}", remark=str(event.data.get("status") or ""))


def _phase(telling: Telling, place: int, event: Event) -> Step:
    if event.where == "replay":
        return Step(what="everything is submitted again", remark="same keys, same payloads")
    return Step(what="all faults are healed", remark="only what was killed is started again")


def _pending(telling: Telling, place: int, event: Event) -> Step:
    works = event.data.get("works", ())
    has = "holds" if telling.violation.work in works else "does not hold"
    return Step(what=f"store of {event.where} {has} {telling.violation.work}")


def _journal(telling: Telling, place: int, event: Event) -> Step:
    steps = event.data.get("steps", {}).get(telling.violation.work, ())
    return Step(what=f"the log of {event.where} is read", result=", ".join(steps) or "no step")


def _look(telling: Telling, place: int, event: Event) -> Step:
    work = telling.violation.work
    held = [edge for edge, works in event.data.get("held", {}).items() if work in works]
    return Step(what="all stores are read", result=f"{work} in {', '.join(held)}" if held else f"{work} in none")


def _rows(telling: Telling, place: int, event: Event) -> Step:
    count = event.data.get("counts", {}).get(telling.violation.work, 0)
    return Step(what=f"rows of {event.where} are counted", result=f"{count} for {telling.violation.work}")


def _ending(telling: Telling, place: int, event: Event) -> Step:
    if event.kind is Kind.QUIET:
        what = "nothing is pending or in flight any more"
    else:
        what = _STATES.get(str(event.data.get("state", "")), "the time allowed is spent")
    absent = telling.violation.fact[0] == "unfinished" and telling.violation.property != "P15"
    return Step(what=what, result=f"{telling.violation.effect}: 0 times" if absent else "")


_STATES = {
    "stranded": "nothing moves, and no trigger is left",
    "undriven": "a trigger is stored, and nothing drives it",
    "overdue": "nothing moves, and the promised time is long over",
    "livelock": "attempts go on and on",
    "slow": "the time allowed is spent",
}

_TELL: dict[Kind, Callable[[Telling, int, Event], Step]] = {
    Kind.SUBMIT: _submit,
    Kind.ANSWER: _answer,
    Kind.ATTEMPT: _attempt,
    Kind.APPLY: _apply,
    Kind.ANSWERED: _answered,
    Kind.DELIVER: _deliver,
    Kind.DROP: _drop,
    Kind.REPLY: _reply,
    Kind.GIVE_UP: _give_up,
    Kind.FAULT: _fault,
    Kind.PROCESS: _process,
    Kind.PHASE: _phase,
    Kind.JOURNAL: _journal,
    Kind.LOOK: _look,
    Kind.PENDING: _pending,
    Kind.ROWS: _rows,
    Kind.QUIET: _ending,
    Kind.DEADLINE: _ending,
}
