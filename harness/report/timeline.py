"""From a history to what a space-time picture shows: lanes, rows, messages, lives. No geometry here.

A row is one line of the picture: a mark on a lane and a sentence. A history says more than a person wants to see, so a
timeline keeps the pieces of work that matter, folds an attempt and its application into one row, a kill and the death
it causes into one, and leaves start-up out. What a witness points at is never left out.

Senders are seen only at the edges: the harness's client and the world record both ends of an exchange, a tap only the
callee's. Where the other end was not seen, a message starts or ends near the row, not on one.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from harness.history import Event, Kind
from harness.report.model import CaseReport, GraphNode, SystemReport, WitnessStep

__all__ = ["Change", "Lane", "Message", "Row", "Timeline", "read_timeline"]

CLIENT = "client"
WORLD = "world"
MAX_WORKS = 3
MAX_ROWS = 64
DEATHS = ("killed", "paused", "exited")
STRIKES = ("kill", "pause", "replace")
LOSES = ("cut", "reset", "blackhole", "refuse")


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """A column. kind: client | process | resource | world. boundaries: targets of the boundaries it works for."""

    name: str
    kind: str
    boundaries: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A line. lane: where its mark stands, empty for the whole width. mark: its shape. steps: numbers of the witness.

    between: a second lane, where the mark stands halfway between two.
    strong: a fault or a step of the witness. events: the places in the history that it tells of.
    """

    at_s: float
    text: str
    lane: str = ""
    between: str = ""
    mark: str = "dot"
    steps: tuple[int, ...] = ()
    strong: bool = False
    events: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """An arrow between lanes. first, last: rows at its ends, None where that end was not seen. lost: never arrived."""

    source: str
    target: str
    first: int | None
    last: int | None
    lost: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """At this row this lane's process becomes alive | dead | paused."""

    row: int
    lane: str
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """Everything to draw. left_out: what was not, in words, empty where it is all there."""

    lanes: tuple[Lane, ...]
    rows: tuple[Row, ...]
    messages: tuple[Message, ...]
    changes: tuple[Change, ...]
    left_out: str = ""


def read_timeline(system: SystemReport, case: CaseReport, events: list[Event]) -> Timeline:
    """What to draw of a case.

    Args:
        system: for the graph and its boundaries.
        case: for the witness, whose steps are numbered from 1, and the faults.
        events: its whole history, in order; witnesses point into it.
    """
    works = interesting_works(case, events)
    telling = _Telling(system, events, works)
    telling.tell()
    numbers: dict[int, list[int]] = {place: [] for step in _steps(case) for place in step.events}
    for number, step in enumerate(_steps(case), start=1):
        for place in step.events:
            numbers[place].append(number)
    rows = _numbered(telling.rows, numbers)
    kept = _kept(rows)
    return _compact(telling, rows, kept, _left_out(events, works, len(rows) - len(kept)))


def interesting_works(case: CaseReport, events: list[Event]) -> list[str]:
    """The works to draw: those of the findings, else those that the faults name, else the first one."""
    submitted = list(dict.fromkeys(event.work for event in events if event.kind is Kind.SUBMIT))
    words = {word for fault in case.told_faults for word in re.findall(r"[\w.-]+", fault)}
    choices = ([f.work for f in case.findings if f.work], [w for w in submitted if w in words], submitted[:1])
    return list(dict.fromkeys(next((choice for choice in choices if choice), [])))[:MAX_WORKS]


def _steps(case: CaseReport) -> list[WitnessStep]:
    return list(case.findings[0].witness) if case.findings else []


def _numbered(rows: list[Row], numbers: dict[int, list[int]]) -> list[Row]:
    """Puts each number of the witness on the row of its event, or on the next one where the event has no row."""
    steps: dict[int, set[int]] = {}
    for place, found in numbers.items():
        own = next((i for i, row in enumerate(rows) if place in row.events), None)
        later = next((i for i, row in enumerate(rows) if row.events and row.events[0] >= place), len(rows) - 1)
        steps.setdefault(later if own is None else own, set()).update(found)
    return [
        replace(row, steps=tuple(sorted(steps[i])), strong=True) if i in steps else row for i, row in enumerate(rows)
    ]


def _kept(rows: list[Row]) -> list[int]:
    """The rows to draw: all where they fit, else what is strong first, then what is next to it, then the earliest."""
    strong = [i for i, row in enumerate(rows) if row.strong]

    def rank(place: int) -> tuple[bool, bool, int, int]:
        distance = min((abs(place - s) for s in strong), default=place)
        return not rows[place].strong, rows[place].mark != "phase", distance, place

    ranked = sorted(range(len(rows)), key=rank)
    replayed = next(
        (i for i, row in enumerate(rows) if row.mark == "phase" and row.text.startswith("replay")), len(rows)
    )
    told = [i for i in ranked if i <= replayed or rows[i].strong or any(s > replayed for s in strong)]
    return sorted(told[:MAX_ROWS])


def _left_out(events: list[Event], works: list[str], rows: int) -> str:
    others = len({event.work for event in events if event.kind is Kind.SUBMIT} - set(works))
    notes = [f"{others} other piece{'' if others == 1 else 's'} of work"] if others else []
    notes += [f"{rows} steps of little interest"] if rows else []
    return " and ".join(notes)


def _compact(telling: _Telling, rows: list[Row], kept: list[int], left_out: str) -> Timeline:
    """Renumbers the rows that stay, and drops or shortens what hung on those that go."""
    new = {old: place for place, old in enumerate(kept)}
    messages = [
        replace(m, first=new.get(m.first) if m.first is not None else None,
                last=new.get(m.last) if m.last is not None else None)
        for m in telling.messages
    ]  # fmt: skip

    def later(old: int) -> int:
        return next((place for place, i in enumerate(kept) if i >= old), len(kept) - 1)

    return Timeline(
        lanes=tuple(telling.lanes()),
        rows=tuple(rows[i] for i in kept),
        messages=tuple(m for m in messages if m.first is not None or m.last is not None),
        changes=tuple(replace(change, row=later(change.row)) for change in telling.changes),
        left_out=left_out,
    )


class _Telling:
    """Walks through a history once and tells it in rows, one method per kind of event."""

    def __init__(self, system: SystemReport, events: list[Event], works: list[str]) -> None:
        self.system = system
        self.events = events
        self.works = set(works)
        self.rows: list[Row] = []
        self.messages: list[Message] = []
        self.changes: list[Change] = []
        self.process_of = {node.declared: node.process or node.name for node in system.nodes}
        self.cut: dict[tuple[str, str], bool] = {}
        self.open: dict[tuple[str, str, str], int] = {}
        self.seen_lanes: dict[str, None] = {}
        self.pending: dict[str, set[str]] = {}
        self.phase = "start"
        self.place = 0

    def tell(self) -> None:
        tellers: dict[Kind, Callable[[Event], None]] = {
            Kind.PHASE: self._phase,
            Kind.SUBMIT: self._submit,
            Kind.ANSWER: self._answer,
            Kind.GIVE_UP: self._give_up,
            Kind.DELIVER: self._deliver,
            Kind.REPLY: self._reply,
            Kind.ATTEMPT: self._attempt,
            Kind.APPLY: self._apply,
            Kind.ANSWERED: self._answered,
            Kind.DROP: self._drop,
            Kind.PENDING: self._pending,
            Kind.FAULT: self._fault,
            Kind.PROCESS: self._process,
            Kind.QUIET: self._quiet,
            Kind.DEADLINE: self._deadline,
        }
        for place, event in enumerate(self.events):
            self.place = place
            teller = tellers.get(event.kind)
            if teller and (not event.work or event.work in self.works or event.kind is Kind.FAULT):
                teller(event)

    def lanes(self) -> list[Lane]:
        """Client first, processes in the order of the graph, then resources, the world last."""
        processes = dict.fromkeys(self.process_of.values())
        resources = [name for name in self.seen_lanes if name not in processes and name not in (CLIENT, WORLD)]
        names = [*([CLIENT] if CLIENT in self.seen_lanes else []), *processes, *resources]
        names += [WORLD] if WORLD in self.seen_lanes else []
        return [Lane(name=name, kind=self._kind(name), boundaries=self._boundaries(name)) for name in names]

    def _kind(self, name: str) -> str:
        if name in (CLIENT, WORLD):
            return name
        return "process" if name in self.process_of.values() else "resource"

    def _boundaries(self, name: str) -> tuple[str, ...]:
        nodes = {node.name for node in self.system.nodes if (node.process or node.name) == name}
        return tuple(boundary.target for boundary in self.system.boundaries if nodes & set(boundary.nodes))

    def _row(self, event: Event, text: str, lane: str = "", mark: str = "dot", *, strong: bool = False) -> int:
        if lane:
            self.seen_lanes.setdefault(lane)
        self.rows.append(Row(at_s=event.at_s, text=text, lane=lane, mark=mark, strong=strong, events=(self.place,)))
        return len(self.rows) - 1

    def _extend(self, row: int, **changes: object) -> None:
        """Folds this event into an earlier row."""
        old = self.rows[row]
        self.rows[row] = replace(old, events=(*old.events, self.place), **changes)  # type: ignore[arg-type]

    def _message(self, source: str, target: str, first: int | None, last: int | None, *, lost: bool = False) -> None:
        if source and target and source != target:
            self.seen_lanes.setdefault(source)
            self.seen_lanes.setdefault(target)
            self.messages.append(Message(source=source, target=target, first=first, last=last, lost=lost))

    def _ends(self, event: Event) -> tuple[str, str]:
        """The lanes of a link `caller->callee`; a node's own process is known better than the link's name for it."""
        caller, _, callee = event.where.partition("->")
        node = str(event.data.get("node", ""))
        return self._lane_of(caller), self.process_of.get(node) or self._lane_of(callee)

    def _lane_of(self, name: str) -> str:
        return self.process_of.get(name, name)

    def _is_cut(self, link: str, direction: str) -> bool:
        return self.cut.get((link, direction), False)

    def _phase(self, event: Event) -> None:
        self.phase = event.where
        if event.where not in ("start", "end"):
            self._row(event, PHASES.get(event.where, event.where), mark="phase")

    def _submit(self, event: Event) -> None:
        again = f", try {event.n}" if event.n > 1 else ""
        row = self._row(event, f"client submits {event.work}{again}", CLIENT, "send")
        self.open["submit", event.where, event.work] = row

    def _deliver(self, event: Event) -> None:
        caller, callee = self._ends(event)
        again = f", time {event.n}" if event.n > 1 else ""
        node = event.data.get("node") or callee
        row = self._row(event, f"{node} receives {event.work or 'a request'}{again}", callee, "receive")
        self._message(caller, callee, self.open.pop(("submit", event.where, event.work), None), row)

    def _reply(self, event: Event) -> None:
        caller, callee = self._ends(event)
        node, status = event.data.get("node") or callee, event.data.get("status")
        row = self._row(event, f"{node} answers{f' {status}' if status else ''}", callee, "send")
        if caller == CLIENT:
            self.open["reply", event.where, event.work] = row
        else:
            self._message(callee, caller, row, None, lost=self._is_cut(event.where, "reply"))

    def _answer(self, event: Event) -> None:
        caller, callee = self._ends(event)
        outcome, status = event.data.get("outcome", "unknown"), event.data.get("status")
        detail = f" ({event.data['detail']})" if event.data.get("detail") else ""
        said = f", {status}" if status else ""  # a broker's confirm has none
        words = {"ok": f"accepted{said}", "rejected": f"rejected{said}"}
        row = self._row(
            event, f"client gets {words.get(outcome, f'no clear answer{detail}')}", caller, f"answer-{outcome}"
        )
        unheard = self.open.pop(("submit", event.where, event.work), None)
        replied = self.open.pop(("reply", event.where, event.work), None)
        if unheard is not None:
            self._message(caller, callee, unheard, None, lost=True)
        if replied is not None:
            arrived = status is not None or outcome != "unknown"
            self._message(callee, caller, replied, row if arrived else None, lost=not arrived)

    def _give_up(self, event: Event) -> None:
        self._row(event, f"client gives up on {event.work}: {event.data.get('why', '')}", CLIENT, "cross")

    def _attempt(self, event: Event) -> None:
        process = str(event.data.get("process", ""))
        again = f", attempt {event.n}" if event.n > 1 else ""
        row = self._row(event, f"{process or 'somebody'} calls {event.where} for {event.work}{again}", WORLD, "attempt")
        self._message(process, WORLD, None, row)
        self.open["attempt", event.where, event.work] = row

    def _apply(self, event: Event) -> None:
        count = f"{event.where} #{event.n}" if event.n else event.where
        row = self.open.get(("attempt", event.where, event.work))
        if row is not None and row == len(self.rows) - 1 and event.data.get("attempt", event.n):
            self._extend(row, text=f"{self.rows[row].text}: applied, {count}", mark="applied")
        else:
            row = self._row(event, f"{event.where} for {event.work} is applied, {count}", WORLD, "applied")
            self.open["attempt", event.where, event.work] = row

    def _answered(self, event: Event) -> None:
        row = self.open.get(("attempt", event.where, event.work))
        status = event.data.get("status")
        if status is not None and int(status) >= 400:
            row = self._row(event, f"world refuses {event.where} with {status}", WORLD, "send")
        elif row is not None and event.data.get("first") is False:
            self._extend(row, text=f"{self.rows[row].text}: known already, no second effect")
        process = next((m.source for m in reversed(self.messages) if m.last == row and m.target == WORLD), "")
        self._message(WORLD, process, row, None, lost=self._is_cut(f"{process}->{WORLD}", "reply"))

    def _drop(self, event: Event) -> None:
        if "node" in event.data:
            text, lane = f"{event.data['node']} never sees the request: its caller is gone", self._ends(event)[1]
        else:
            text, lane = f"{event.where} for {event.work} is dropped with its caller, not applied", WORLD
        self._row(event, text, lane, "cross")

    def _pending(self, event: Event) -> None:
        held = self.works & set(event.data.get("works", ()))
        if held == self.pending.get(event.where, set()):
            return
        self.pending[event.where] = held
        lane = self._lane_of(event.where.partition("->")[2])
        words = f"holds {', '.join(sorted(held))}" if held else "is empty again"
        self._row(event, f"trigger store of {event.where} {words}", lane, "holds" if held else "empty")

    def _fault(self, event: Event) -> None:
        """A fault that struck a process tells its story in the row of that process; one on a link in its own."""
        state, words = event.data.get("state"), event.where
        verb, link = words.partition(" ")[0], re.search(r"[\w.#-]+->[\w.#-]+", words)
        if link and verb in LOSES and state in ("landed", "healed"):
            for direction in ("request", "reply"):
                hit = verb == "refuse" or direction in words.split()
                self.cut[link[0], direction] = hit and state == "landed"
        if state == "landed" and not (verb in STRIKES and self._names_a_death(words)):
            self._strike(event, f"FAULT  {words}", "cut" if link else "fault", link, strong=True)
        elif state == "healed" and link:
            self._strike(event, f"healed: {words}", "mend", link)
        elif state == "failed":
            self._row(event, f"this fault could not be applied: {words}", mark="fault", strong=True)

    def _strike(self, event: Event, text: str, mark: str, link: re.Match[str] | None, *, strong: bool = False) -> None:
        """A row whose mark stands between the lanes of a link, or on the process that the fault names."""
        if link:
            caller, _, callee = (self._lane_of(name) for name in link[0].partition("->"))
            self.seen_lanes.setdefault(caller)
        else:
            caller = ""
            callee = next((word for word in event.where.split()[1:] if word in self.process_of.values()), "")
        row = self._row(event, text, callee, mark, strong=strong)
        self.rows[row] = replace(self.rows[row], between=caller)

    def _names_a_death(self, fault: str) -> bool:
        """Whether the row of a process that this fault struck is near, and if so lets it tell of the fault."""
        near = range(len(self.rows) - 1, max(-1, len(self.rows) - 4), -1)
        row = next((i for i in near if self.rows[i].mark in ("killed", "paused")), None)
        if row is not None:
            verb = "KILL" if self.rows[row].mark == "killed" else "PAUSE"
            self._extend(row, text=f"{verb} {self.rows[row].lane}  ({fault})", strong=True)
        return row is not None

    def _process(self, event: Event) -> None:
        state = str(event.data.get("state", ""))
        self.seen_lanes.setdefault(event.where)
        if self.phase == "start" and state in ("started", "ready"):
            return
        words = {
            "killed": f"{event.where} is killed", "paused": f"{event.where} is paused",
            "resumed": f"{event.where} runs on", "started": f"{event.where} is started again",
            "exited": f"{event.where} exited, {event.data.get('status')}",
        }  # fmt: skip
        if state in words:
            row = self._row(event, words[state], event.where, state, strong=state in DEATHS)
            after = {"killed": "dead", "exited": "dead", "paused": "paused"}.get(state, "alive")
            self.changes.append(Change(row=row, lane=event.where, state=after))

    def _quiet(self, event: Event) -> None:
        self._row(event, f"quiet: {event.data.get('why', 'nothing more can come')}", mark="quiet")

    def _deadline(self, event: Event) -> None:
        state, works = event.data.get("state", "undecided"), ", ".join(map(str, event.data.get("works", ())))
        budget = f" after {event.data['budget_s']:.2f} s" if isinstance(event.data.get("budget_s"), float) else ""
        words = STATES.get(str(state), "still not done")
        self._row(event, f"{str(state).upper()}{budget}: {words}: {works}", mark="deadline", strong=True)


STATES = {
    "stranded": "nothing is left that would ever drive it",
    "undriven": "a trigger is stored, and nothing drives it",
    "overdue": "its trigger should have driven it long ago",
    "livelock": "attempts go on without an end",
    "slow": "not done within the time allowed",
}
PHASES = {
    "load": "load: work is submitted, the faults strike",
    "heal": "heal: faults end, what was killed starts again",
    "drain": "drain: whatever is owned must now complete",
    "judge": "judge: the effects are counted",
    "replay": "replay of the past: everything is submitted and delivered once more",
}


def counted_retriggers(nodes: Iterable[GraphNode], events: list[Event]) -> dict[str, int]:
    """How often each node was invoked beyond its first time, for the work where that was most, before the replay.

    Taps count deliveries; a node that no tap can see is counted by the attempts of its effects.
    """
    end_s = next((e.at_s for e in events if e.kind is Kind.PHASE and e.where == "replay"), float("inf"))
    nodes = list(nodes)
    effect_of = {effect: node.declared for node in nodes for effect in node.effects}
    most: dict[str, dict[Kind, int]] = {}
    for event in events:
        node = event.data.get("node", "") if event.kind is Kind.DELIVER else effect_of.get(event.where, "")
        if event.kind in (Kind.DELIVER, Kind.ATTEMPT) and node and event.at_s < end_s:
            counts = most.setdefault(node, {})
            counts[event.kind] = max(counts.get(event.kind, 0), event.n)
    invoked = {node: counts.get(Kind.DELIVER, counts.get(Kind.ATTEMPT, 1)) for node, counts in most.items()}
    usual = Counter(node.declared for node in nodes)
    return {node: count - usual[node] for node, count in invoked.items() if count > usual[node]}
