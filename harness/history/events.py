"""The events of a history, and their form as JSON lines.

One flat record type for all events: a check filters by `kind` and reads `data`, a reader greps the file. Times are
seconds since the start of the case on the harness's monotonic clock; wall time never enters.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from harness.errors import HistoryError

__all__ = ["Event", "History", "Kind", "read_jsonl"]


class Kind(StrEnum):
    """Every kind of event, with the fields its `data` carries."""

    SYSTEM = "system"
    """First event. data: see `harness.checks.expectation.Expectation` (name, effects, nodes, boundaries, edges...)."""
    PHASE = "phase"
    """The case enters a phase. where: start | load | heal | drain | judge | replay | end."""
    SUBMIT = "submit"
    """The client sends a piece of work. where: link, n: which try. data: {"nonce"}."""
    ANSWER = "answer"
    """What the client received. data: {"outcome": "ok"|"rejected"|"unknown", "status": int|None, "detail": str, "late":
    the time was up before an answer came, "payload": fingerprint of its body, "about": works that its body names}."""
    GIVE_UP = "give_up"
    """The client stops trying. data: {"why"}."""
    CONNECT = "connect"
    """A connection came through a link and ended without a whole request. where: link."""
    DELIVER = "deliver"
    """A tap received a whole request for a node. where: link, n: which delivery of this work. data: {"node", "payload":
    fingerprint of the body, "key": as sent}."""
    REPLY = "reply"
    """A tap received the callee's whole answer. where: link, n: as the delivery. data: {"node", "status", "payload",
    "about": works that its body names, "late": its caller had hung up}."""
    ATTEMPT = "attempt"
    """The world received a call for an effect. where: effect, n: which attempt. data: {"key", "process",
    "payload": fingerprint of the body}."""
    APPLY = "apply"
    """The effect took place. where: effect, n: how often so far for this work. data: {"key", "nonce", "attempt",
    "process"}, and "payload_nonce" where the call carried a nonce."""
    ANSWERED = "answered"
    """The world sent its answer to attempt n. where: effect. data: {"nonce", "first": bool, "status": int}; where it
    refused the effect for good there is no nonce, and "refused": true."""
    DROP = "drop"
    """The world dropped a held call because its caller was killed: it was never applied. where: effect."""
    ROWS = "rows"
    """Effects counted in a store at rest. where: effect. data: {"counts": {work: int}}."""
    PENDING = "pending"
    """Undischarged triggers as read from their store, written when they change. where: edge. data: {"works": [...]}."""
    LOOK = "look"
    """Every store was read once, one after the other, in the order in which work passes them. data: {"since": the place
    in the history where it began, "held": {edge: works}, "rows": {effect: {work: int}}}."""
    POINT = "point"
    """A rendezvous of the plan was reached; the caller waits there. where: the point in words. data: {"fault"}."""
    FAULT = "fault"
    """A fault's life. where: the fault in words. data: {"state": "about to"|"landed"|"healed"|"failed", "proof"}."""
    PROCESS = "process"
    """where: process. data: {"state": "started"|"ready"|"killed"|"exited"|"paused"|"resumed", "pid", "status"}."""
    QUIET = "quiet"
    """Nothing is pending or in flight any more, and nothing more can come within the declared bounds. data: {"why"}."""
    DEADLINE = "deadline"
    """The liveness budget is spent. data: {"budget_s", "state": "stranded"|"undriven"|"overdue"|"livelock"|"slow",
    "works", "pending"}. The first one decides. A second one may follow with "after": {work: "stuck_until_next_work"|
    "stuck_until_restart"|"lost"}: what freed the work when it was probed for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One observation.

    at_s: seconds since the start of the case, monotonic.
    kind: what was observed.
    work: the work key it belongs to, or empty.
    where: effect, link, process, edge or phase, as the kind says.
    n: ordinal of the try, delivery, attempt or application, from 1; 0 where there is none.
    data: what else the kind carries, plain JSON.
    """

    at_s: float
    kind: Kind
    work: str = ""
    where: str = ""
    n: int = 0
    data: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> str:
        """This event as one line of JSON, fields that say nothing left out."""
        record: dict[str, Any] = {"t": round(self.at_s, 6), "kind": self.kind.value}
        if self.work:
            record["work"] = self.work
        if self.where:
            record["where"] = self.where
        if self.n:
            record["n"] = self.n
        if self.data:
            record["data"] = self.data
        return json.dumps(record, ensure_ascii=False, separators=(",", ":"))

    @staticmethod
    def from_json(line: str) -> Event:
        """The event that `to_json` wrote. Raises KeyError or ValueError where the line is something else."""
        record = json.loads(line)
        return Event(
            at_s=record["t"],
            kind=Kind(record["kind"]),
            work=record.get("work", ""),
            where=record.get("where", ""),
            n=record.get("n", 0),
            data=record.get("data", {}),
        )


class History:
    """The events of one case, in the order they were observed.

    Appending is synchronous and happens on the harness's one event loop, so the order of the list is the order of the
    clock. Listeners let the runner react to an event instead of polling for it.
    """

    def __init__(self, events: Iterable[Event] = (), clock: Callable[[], float] = time.monotonic) -> None:
        self.events: list[Event] = list(events)
        self._clock = clock
        self._start_s = clock()
        self._listeners: list[Callable[[Event], None]] = []

    def __len__(self) -> int:
        return len(self.events)

    def __iter__(self) -> Iterator[Event]:
        return iter(self.events)

    def record(self, kind: Kind, *, work: str = "", where: str = "", n: int = 0, **data: Any) -> Event:
        """Appends an event now and tells the listeners."""
        event = Event(at_s=self._clock() - self._start_s, kind=kind, work=work, where=where, n=n, data=data)
        self.events.append(event)
        for listener in self._listeners:
            listener(event)
        return event

    def listen(self, listener: Callable[[Event], None]) -> None:
        """Calls `listener` with every event from now on, on the event loop's thread."""
        self._listeners.append(listener)

    def of(self, *kinds: Kind) -> list[Event]:
        """The events of these kinds, in order."""
        return [event for event in self.events if event.kind in kinds]

    def to_jsonl(self) -> str:
        """The whole history as JSON lines."""
        return "".join(event.to_json() + "\n" for event in self.events)


def read_jsonl(path: Path) -> History:
    """Reads a saved history.

    Raises:
        HistoryError: a line is not an event, or the clock runs backwards.
    """
    events: list[Event] = []
    lines = path.read_text(encoding="utf-8").removesuffix("\n").split("\n")  # other line ends may stand in texts
    for number, line in enumerate(lines if lines != [""] else (), start=1):
        try:
            event = Event.from_json(line)
        except (KeyError, TypeError, ValueError) as error:
            raise HistoryError(f"{path}:{number}: not an event of a history: {error!r}") from error
        if events and event.at_s < events[-1].at_s:
            raise HistoryError(f"{path}:{number}: the clock runs backwards: {event.at_s} after {events[-1].at_s}")
        events.append(event)
    return History(events)
