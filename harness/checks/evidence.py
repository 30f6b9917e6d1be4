"""The evidence of one history, indexed in a single pass, so that every check afterwards only looks things up.

What counts as evidence is the harness's own word: APPLY events of the world, ROWS read from a store at rest, ANSWERs as
the client received them. Everything is kept as places in `history.events`; nothing is copied.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from typing import Any

from harness.checks.expectation import Expectation, ExpectedBoundary, ExpectedEffect, ExpectedNode, Spread
from harness.errors import HistoryError
from harness.history import Event, History, Kind

__all__ = ["Ending", "Evidence", "Outcome", "Trail", "declared"]


class Outcome(Enum):
    """What the client may believe of a piece of work after all its answers."""

    OK = "ok"
    """Some answer was ok; it may have come after unknown ones."""
    REJECTED = "rejected"
    """Every try was answered, and every answer said: it did not and will not happen."""
    UNKNOWN = "unknown"
    """Anything else. Neither a success nor a failure."""


@dataclass(slots=True)
class Trail:
    """The traces that one piece of work left, as places in the history.

    events: all that carry its key. submits, answers: of the client. attempts, applies: of the world, by effect.
    delivers, replies: of the taps, by node.
    pending: for each edge the first reading that listed it. first_ok: the first answer that was ok.
    refused: the first answer of the world that refused an effect for good.
    """

    work: str
    events: list[int] = field(default_factory=list)
    submits: list[int] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    attempts: dict[str, list[int]] = field(default_factory=dict)
    applies: dict[str, list[int]] = field(default_factory=dict)
    delivers: dict[str, list[int]] = field(default_factory=dict)
    replies: dict[str, list[int]] = field(default_factory=dict)
    pending: dict[str, int] = field(default_factory=dict)
    first_ok: int | None = None
    refused: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How the drain, or the replay, came to its end.

    index: the QUIET or DEADLINE that ended it; where none did, the same as `limit`.
    limit: the first event that no longer belongs to it.
    state: quiet | stranded | undriven | overdue | livelock | slow | ... as the runner proved it; `open` where nothing
        ended it.
    works: those that the runner says are incomplete or pending.
    after: work -> stuck_until_next_work | stuck_until_restart | lost, where the runner probed for it.
    """

    index: int
    limit: int
    state: str = "open"
    works: tuple[str, ...] = ()
    after: Mapping[str, str] = field(default_factory=dict)

    @property
    def decides(self) -> bool:
        """Whether "not yet" means "never": the state is stable, or goes in circles. A slow system is not decided."""
        return self.state in ("quiet", "stranded", "undriven", "overdue", "livelock")

    def decides_on(self, work: str) -> bool:
        """The same of one piece of work, for which a probe may have decided what the state alone did not."""
        return self.decides or work in self.after


class Evidence:
    """One history with its indexes.

    Attributes:
        events: the history.
        expectation: what was declared.
        works: trails of the submitted works, by key. strangers: trails of keys that nobody submitted.
        orphans: applications that carry no key at all.
        load: where the load begins; None where that is not marked.
        drain, replay: their endings; replay is None where nothing was replayed.
        journals: by node, the JOURNAL events. poisoned: works that a plan made fail for good.
        looks: the LOOK events. rows: by effect, the ROWS events. pending: by edge, the PENDING events.
        disturbances: faults that landed, processes that died and came back, the start of heal and replay.
        struck: faults that were about to strike or did, in words, each with the work at whose point it was.
        landed: any of them landed before the end of the drain. exited: processes that ended by themselves.

    Raises:
        HistoryError: the first event does not declare a system.
    """

    def __init__(self, history: History) -> None:
        self.events: Sequence[Event] = history.events
        self.expectation = declared(history)
        self.effects: dict[str, ExpectedEffect] = {effect.name: effect for effect in self.expectation.effects}
        self.boundaries: dict[str, ExpectedBoundary] = {b.name: b for b in self.expectation.boundaries}
        self.nodes: dict[str, ExpectedNode] = {node.name: node for node in self.expectation.nodes}
        self.processes: dict[str, str] = {name: node.process for name, node in self.nodes.items()}
        self.orphans: list[int] = []
        self.looks: list[int] = []
        self.journals: dict[str, list[int]] = {}
        self.parked: dict[str, list[int]] = {}
        self.poisoned: set[str] = set()
        self.rows: dict[str, list[int]] = {}
        self.pending: dict[str, list[int]] = {}
        self.disturbances: list[int] = []
        self.struck: dict[str, str] = {}
        self.exited: set[str] = set()
        self._held: dict[int, dict[str, None]] = {}
        self._stored: dict[int, dict[str, frozenset[str]]] = {}
        self._discharges: dict[str, dict[str, int]] = {}
        self._phases: dict[str, int] = {}
        self._endings: list[int] = []
        self._faults: dict[str, Counter[str]] = {"about to": Counter(), "landed": Counter()}
        self._trails: dict[str, Trail] = {}
        self._read()
        self.works = {work: trail for work, trail in self._trails.items() if trail.submits}
        self.strangers = {work: trail for work, trail in self._trails.items() if not trail.submits}
        self.load = self._phases.get("load")
        end = self._phases.get("end", len(self.events))
        replay = self._phases.get("replay")
        self.drain = self._ending(self._phases.get("drain"), end if replay is None else replay)
        self.replay = None if replay is None else self._ending(replay, end)
        self.landed = any(self._lands(place) for place in self.disturbances if place < self.drain.index)

    @property
    def faults_landed(self) -> int:
        """How many strikes were proven."""
        return self._faults["landed"].total()

    @cached_property
    def faults_missed(self) -> tuple[str, ...]:
        """The faults that were planned, or announced, and were not seen to land."""
        planned = Counter(self.expectation.faults) | self._faults["about to"]
        return tuple((planned - self._faults["landed"]).elements())

    def outcome(self, trail: Trail, before: int) -> Outcome:
        """What the client could believe of this work before the event at that place."""
        if trail.first_ok is not None and trail.first_ok < before:
            return Outcome.OK
        answers = [self.events[index].data.get("outcome") for index in trail.answers if index < before]
        answered = bool(answers) and len(answers) >= bisect_left(trail.submits, before)
        return Outcome.REJECTED if answered and set(answers) == {"rejected"} else Outcome.UNKNOWN

    def applied(self, effect: ExpectedEffect, trail: Trail, ending: Ending) -> int | None:
        """How often the effect had been applied for this work at an ending; None where its rows were not read then."""
        if effect.source == "world":
            return bisect_left(trail.applies.get(effect.name, ()), ending.index)
        reading = self.reading(effect.name, ending)
        return None if reading is None else self.rows_of(reading).get(trail.work, 0)

    def reading(self, effect: str, ending: Ending) -> int | None:
        """The last reading of the effect's rows between an ending and its limit.

        Behind a deadline the first one: what comes later shows what more work or a restart would have done.
        """
        readings = self.rows.get(effect, [])
        if ending.state not in ("quiet", "open"):
            first = bisect_left(readings, ending.index)
            return readings[first] if first < len(readings) and readings[first] < ending.limit else None
        last = bisect_left(readings, ending.limit) - 1
        return readings[last] if last >= 0 and readings[last] >= ending.index else None

    def rows_of(self, reading: int) -> Mapping[str, int]:
        """Counts by work of a ROWS event."""
        counts: Mapping[str, int] = self.events[reading].data.get("counts", {})
        return counts

    def left_pending(self, edge: str, before: int) -> int | None:
        """The last reading of an edge before a place; None where there is none, or where it lists nothing."""
        readings = self.pending.get(edge, [])
        last = bisect_left(readings, before) - 1
        return readings[last] if last >= 0 and self.held_at(readings[last]) else None

    def held_at(self, reading: int) -> Mapping[str, None]:
        """The works that a PENDING event lists, in order, quick to ask."""
        if reading not in self._held:
            self._held[reading] = dict.fromkeys(self.events[reading].data.get("works", ()))
        return self._held[reading]

    def discharges(self, edge: str) -> Mapping[str, int]:
        """By work, the reading with which its trigger was gone from the store of an edge for good."""
        if edge not in self._discharges:
            gone: dict[str, int] = {}
            held: Mapping[str, None] = {}
            for reading in self.pending.get(edge, ()):
                now = self.held_at(reading)
                gone |= {work: reading for work in held if work not in now}
                for work in now:
                    gone.pop(work, None)
                held = now
            self._discharges[edge] = gone
        return self._discharges[edge]

    def is_parked(self, work: str) -> bool:
        """Whether this work, which a plan made fail for good, was in a parking place when the drain ended."""
        return work in self.poisoned and self.was_given_up(work)

    def was_given_up(self, work: str) -> bool:
        """Whether this work, made to fail for good or not, was in a parking place when the drain ended."""
        before = ([r for r in readings if r < self.drain.limit] for readings in self.parked.values())
        return any(r and work in self.events[r[-1]].data.get("works", ()) for r in before)

    def is_held(self, look: int, work: str) -> bool:
        """Whether any store held this work when all were looked at."""
        return any(work in works for works in self._stores(look).values())

    @cached_property
    def world_effects(self) -> Mapping[str, list[str]]:
        """By node, its effects whose attempts the world sees."""
        found: dict[str, list[str]] = {}
        for effect in self.effects.values():
            if effect.source == "world":
                found.setdefault(effect.node, []).append(effect.name)
        return found

    @cached_property
    def compensates(self) -> bool:
        """Whether any effect undoes another one."""
        return any(effect.compensates for effect in self.effects.values())

    @cached_property
    def ever_held(self) -> Mapping[str, set[str]]:
        """By edge, the works that its store held at some time when all were looked at."""
        found: dict[str, set[str]] = {}
        for look in self.looks:
            for edge, works in self._stores(look).items():
                found.setdefault(edge, set()).update(works)
        return found

    def _stores(self, look: int) -> Mapping[str, frozenset[str]]:
        if look not in self._stored:
            held = self.events[look].data.get("held", {})
            self._stored[look] = {edge: frozenset(works) for edge, works in held.items()}
        return self._stored[look]

    @cached_property
    def spreads_about(self) -> Mapping[str, list[Spread]]:
        """What may spread, by the work that it is about; under the empty key what is about several."""
        found: dict[str, list[Spread]] = {}
        for spread in self.expectation.spreads:
            found.setdefault(spread.work, []).append(spread)
        return found

    @cached_property
    def paused(self) -> Mapping[str, int]:
        """The processes that were paused, each with the first place where it was."""
        changes = ((self.events[place], place) for place in reversed(self.disturbances))
        return {e.where: at for e, at in changes if e.kind is Kind.PROCESS and e.data.get("state") == "paused"}

    @cached_property
    def struck_works(self) -> frozenset[str]:
        """The works at whose points a fault was about to strike, or did."""
        return frozenset(self.struck.values())

    @cached_property
    def struck_verbs(self) -> frozenset[str]:
        """The verbs of those faults."""
        return frozenset(words.partition(" ")[0] for words in self.struck)

    def disturbed(self, first: int, last: int, most: int = 12) -> list[int]:
        """The disturbances between two places: all where they are few, else the first and the last ones."""
        start, stop = bisect_left(self.disturbances, first), bisect_left(self.disturbances, last)
        if stop - start <= most:
            return self.disturbances[start:stop]
        return self.disturbances[start : start + most // 2] + self.disturbances[stop - most // 2 : stop]

    def expected_effects(self) -> list[ExpectedEffect]:
        """The effects that an accepted piece of work leads to; all that are declared, where nothing is said of it."""
        return [self.effects[name] for name in self.expectation.downstream or self.effects]

    def effects_of(self, boundary: str) -> list[ExpectedEffect]:
        """The effects that must follow once this trigger is set."""
        described = self.boundaries.get(boundary)
        if described and described.downstream:
            return [self.effects[name] for name in described.downstream]
        return [effect for effect in self.effects.values() if effect.boundary == boundary]

    def boundary_of(self, edge: str) -> str:
        """The trigger that is set along an edge."""
        return next((each.boundary for each in self.expectation.edges if each.name == edge), "")

    def boundary_of_node(self, node: str) -> str:
        """The trigger that re-drives a node; empty where nobody does, and for a node that is not declared."""
        described = self.nodes.get(node)
        return described.boundary if described else ""

    def _read(self) -> None:
        trails, note_run, note_work = self._trails, self._note_run, self._note_work
        for index, event in enumerate(self.events):
            work = event.work
            if not work:
                note_run(index, event)
                continue
            trail = trails.get(work)
            if trail is None:
                trail = trails[work] = Trail(work)
            trail.events.append(index)
            note_work(index, event, trail)

    def _note_work(self, index: int, event: Event, trail: Trail) -> None:
        kind = event.kind
        if kind is Kind.ATTEMPT:
            trail.attempts.setdefault(event.where, []).append(index)
        elif kind is Kind.APPLY:
            trail.applies.setdefault(event.where, []).append(index)
        elif kind is Kind.DELIVER:
            trail.delivers.setdefault(str(event.data.get("node", "")), []).append(index)
        elif kind is Kind.REPLY:
            trail.replies.setdefault(str(event.data.get("node", "")), []).append(index)
        elif kind is Kind.SUBMIT:
            trail.submits.append(index)
        elif kind is Kind.ANSWER:
            trail.answers.append(index)
            if trail.first_ok is None and event.data.get("outcome") == "ok":
                trail.first_ok = index
        elif kind is Kind.ANSWERED:
            if trail.refused is None and event.data.get("refused"):
                trail.refused = index
        elif kind is Kind.FAULT:
            self._note_fault(index, event)

    def _note_run(self, index: int, event: Event) -> None:
        kind = event.kind
        if kind is Kind.PENDING:
            self._note_pending(index, event)
        elif kind is Kind.PROCESS:
            if event.data.get("state") != "ready":
                self.disturbances.append(index)
            if event.data.get("state") == "exited":
                self.exited.add(event.where)
        elif kind is Kind.FAULT:
            self._note_fault(index, event)
        elif kind is Kind.PHASE:
            if event.where in ("heal", "replay") and event.where not in self._phases:
                self.disturbances.append(index)
            self._phases.setdefault(event.where, index)
        elif kind is Kind.QUIET or kind is Kind.DEADLINE:
            self._endings.append(index)
        elif kind is Kind.LOOK:
            self.looks.append(index)
        elif kind is Kind.JOURNAL:
            self.journals.setdefault(event.where, []).append(index)
        elif kind is Kind.PARKED:
            self.parked.setdefault(event.where, []).append(index)
        elif kind is Kind.ROWS:
            self.rows.setdefault(event.where, []).append(index)
        elif kind is Kind.APPLY:
            self.orphans.append(index)

    def _note_fault(self, index: int, event: Event) -> None:
        state = event.data.get("state", "")
        if state in self._faults:
            self._faults[state][event.where] += 1
        if state in self._faults:
            self.struck.setdefault(event.where, event.work)
        if state == "landed":
            self.disturbances.append(index)
            self.poisoned.update({event.work} if _for_good(event.where) else ())

    def _lands(self, place: int) -> bool:
        return self.events[place].kind is Kind.FAULT

    def _note_pending(self, index: int, event: Event) -> None:
        self.pending.setdefault(event.where, []).append(index)
        for work in event.data.get("works", ()):
            trail = self._trails.get(work)
            if trail is None:
                trail = self._trails[work] = Trail(work)
            trail.pending.setdefault(event.where, index)

    def _ending(self, start: int | None, limit: int) -> Ending:
        reached = [] if start is None else [index for index in self._endings if start < index < limit]
        if not reached:
            return Ending(index=limit, limit=limit)
        said = [self.events[index].data for index in reached if self.events[index].kind is Kind.DEADLINE]
        after = {work: word.lower() for data in said for work, word in data.get("after", {}).items()}
        first = self.events[reached[0]]
        quiet = first.kind is Kind.QUIET
        return Ending(
            index=reached[0],
            limit=limit,
            state="quiet" if quiet else str(first.data.get("state", "slow")),
            works=tuple(dict.fromkeys([*first.data.get("works", ()), *first.data.get("pending", ())])),
            after=after,
        )


def _for_good(fault: str) -> bool:
    """Whether a fault in words makes a piece of work fail for good; one that lasts until something does not."""
    return fault.startswith("poison ") and " until " not in fault


def declared(history: History) -> Expectation:
    """What the first event of a history declares.

    Raises:
        HistoryError: there is no first event, or it is of another kind.
    """
    if not history.events or history.events[0].kind is not Kind.SYSTEM:
        raise HistoryError("a history begins with a `system` event that says what was declared")
    data: dict[str, Any] = history.events[0].data
    return Expectation.from_json(data)
