"""What a case tells besides its verdict: how far a fault spread, who drove the work again, how long it stood half done.

Pure: a saved history in, figures out. All times are on the harness's clock. An effect at the world is timed when it
took place; one that a store keeps, when it was first read there, which is the later moment. Everything ends with the
drain: what a replay of the past does is no consequence of the fault. Nodes without a tap and without an effect at the
world are not seen, so the figures say nothing of them.
Source: the post, "Final thoughts": where to look, who owns recovery, how far the impact spreads
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from harness.checks.evidence import Evidence, Trail
from harness.checks.expectation import ExpectedEffect, ExpectedNode, ExpectedWorkflow
from harness.checks.saga import is_undone, owed
from harness.history import Event, History, Kind

__all__ = ["Figures", "WorkflowFigures", "figures_of"]

ROUND = 4
NOBODY = "nobody"


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowFigures:
    """One business process under one case.

    name: of the workflow. partial_s: from its first effect to the last one that it owed, compensations included; 0.0
        where it never began or has but one; None where it was never completed. completed: whether it was, in the end.
    ask: whom one would have had to ask when the fault struck: the owner of each unfinished part, and where it is.
    """

    name: str
    partial_s: float | None = None
    completed: bool = False
    ask: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What was measured of the piece of work that the fault is about. Seconds count from its first submit.

    work: its key. tries: how often the client sent it. outcome: what the client knew in the end: ok, rejected, unknown.
    ok_means: `done` where an ok vouches for every effect, `taken over` where some are left to a trigger.
    fault_s: when the first fault struck. noticed_s: when something was first done again, however that came about.
    first_effect_s, completed_s: when the first effect, and the last one that was owed, had taken place.
    redriver: who drove it again; empty where nothing was done again. holder: where that trigger is stored.
    invocations: how often each node was seen to be invoked. requests: how many were seen on links with a hop.
    undone: it was compensated, or is to be. ask: the owner of each part of the work that was unfinished when the
        fault struck, and where it is kept. workflows: the same for each business process.
    """

    work: str
    tries: int = 0
    outcome: str = "unknown"
    ok_means: str = ""
    fault_s: float | None = None
    noticed_s: float | None = None
    first_effect_s: float | None = None
    completed_s: float | None = None
    redriver: str = ""
    holder: str = ""
    invocations: Mapping[str, int] = field(default_factory=dict)
    requests: int = 0
    undone: bool = False
    ask: tuple[str, ...] = ()
    workflows: tuple[WorkflowFigures, ...] = ()

    @property
    def partial_s(self) -> float | None:
        """How long the work stood with some of its effects done and others not; None where it still does."""
        if self.first_effect_s is None:
            return 0.0
        return None if self.completed_s is None else round(self.completed_s - self.first_effect_s, ROUND)


def figures_of(history: History) -> Figures | None:
    """Measures a case; None where nothing was submitted.

    Raises:
        HistoryError: the history does not declare its system.
    """
    evidence = Evidence(history)
    struck = next((e.work for e in history.of(Kind.FAULT) if e.work in evidence.works), "")
    trail = evidence.works.get(struck) or next(iter(evidence.works.values()), None)
    return None if trail is None else _Measured(evidence, trail).figures()


class _Measured:
    """One work's events up to the end of the drain."""

    def __init__(self, evidence: Evidence, trail: Trail) -> None:
        self.evidence = evidence
        self.trail = trail
        self.end = evidence.drain.index
        self.begun_s = evidence.events[trail.submits[0]].at_s
        self.events = [(place, evidence.events[place]) for place in trail.events if place <= self.end]
        self.fault = self._fault()
        self.done = self._done()
        refused = trail.refused is not None and trail.refused <= self.end
        self.undone = is_undone(evidence.effects.values(), self.done, refused=refused)
        self.owed = owed(evidence.expected_effects(), self.done, undone=self.undone)

    def figures(self) -> Figures:
        """All of them."""
        again = self._first_repeat()
        expectation = self.evidence.expectation
        redriver, holder = self._driver(again[1]) if again else ("", "")
        times = self.done.values()
        return Figures(
            work=self.trail.work,
            tries=sum(event.kind is Kind.SUBMIT for _, event in self.events),
            outcome=self.evidence.outcome(self.trail, self.end + 1).value,
            ok_means="done" if self._promised() <= set(expectation.awaited) else "taken over",
            fault_s=self._since(self.evidence.events[self.fault].at_s) if self.fault is not None else None,
            noticed_s=self._since(again[1].at_s) if again else None,
            first_effect_s=self._since(min(times)) if times else None,
            completed_s=self._completed(self.owed),
            redriver=redriver,
            holder=holder,
            invocations=self._invocations(),
            requests=sum(event.kind in (Kind.SUBMIT, Kind.DELIVER, Kind.ATTEMPT) for _, event in self.events)
            - self._entered(),
            undone=self.undone,
            ask=self._asked(self.owed),
            workflows=tuple(self._workflow(workflow) for workflow in expectation.workflows),
        )

    def _promised(self) -> set[str]:
        """The effects that work leads to when nothing is refused."""
        return {effect.name for effect in self.evidence.expected_effects() if not effect.compensates}

    def _since(self, at_s: float) -> float:
        return round(at_s - self.begun_s, ROUND)

    def _fault(self) -> int | None:
        """When the first fault struck. One that takes an answer away strikes long before that is proven."""
        struck = ("about to", "landed")
        events = self.evidence.events
        places = (i for i, e in enumerate(events[: self.end]) if e.kind is Kind.FAULT and e.data.get("state") in struck)
        return next(places, None)

    def _done(self) -> dict[str, float]:
        """When each effect had taken place, of those that did by the end of the drain."""
        done: dict[str, float] = {}
        for _, event in self.events:
            if event.kind is Kind.APPLY:
                done.setdefault(event.where, event.at_s)
        for name, readings in self.evidence.rows.items():
            read = (place for place in readings if self.evidence.rows_of(place).get(self.trail.work))
            first = next(read, None)
            if first is not None and first < self.evidence.drain.limit:
                done.setdefault(name, self.evidence.events[first].at_s)
        return {name: at_s for name, at_s in done.items() if name in self.evidence.effects}

    def _completed(self, effects: Iterable[ExpectedEffect]) -> float | None:
        times = [self.done.get(effect.name) for effect in effects]
        known = [at_s for at_s in times if at_s is not None]
        return self._since(max(known)) if known and len(known) == len(times) else None

    # --- who drove it again -------------------------------------------------------------------------------------

    def _first_repeat(self) -> tuple[int, Event] | None:
        """The first thing that was done once more for this work after the fault."""
        kinds = (Kind.SUBMIT, Kind.DELIVER, Kind.ATTEMPT)
        since = self.fault if self.fault is not None else self.end
        after = ((place, event) for place, event in self.events if place > since)
        return next(((place, event) for place, event in after if event.kind in kinds and event.n > 1), None)

    def _driver(self, event: Event) -> tuple[str, str]:
        if event.kind is Kind.SUBMIT:
            return f"the {self.evidence.expectation.root} at the edge", "client"
        node = event.data.get("node", "") if event.kind is Kind.DELIVER else self._maker(event.where)
        return self._owner(str(node))

    def _maker(self, effect: str) -> str:
        known = self.evidence.effects.get(effect)
        return known.node if known else ""

    def _owner(self, node: str) -> tuple[str, str]:
        """Who owns a node, and where that owner keeps its trigger."""
        declared = next((each for each in self.evidence.expectation.nodes if each.name == node), None)
        boundary = self.evidence.boundaries.get(declared.boundary) if declared else None
        if boundary is None:
            return NOBODY, declared.process if declared else ""
        return boundary.owner, "client" if boundary.placement == "root" else boundary.holder or boundary.process

    # --- how far it spread --------------------------------------------------------------------------------------

    def _invocations(self) -> dict[str, int]:
        """Deliveries where a tap counts them, else the attempts of the effect that was tried most."""
        counts = {node.name: self._invoked(node) for node in self.evidence.expectation.nodes}
        return {name: count for name, count in counts.items() if count}

    def _invoked(self, node: ExpectedNode) -> int:
        own = {effect.name for effect in self.evidence.effects.values() if effect.node == node.name}
        deliveries = [p for p, e in self.events if e.kind is Kind.DELIVER and e.data.get("node") == node.name]
        delivered = sum(self._was_up(node.process, place) for place in deliveries)
        tried = [sum(e.kind is Kind.ATTEMPT and e.where == name for _, e in self.events) for name in own]
        return delivered or max(tried, default=0)

    def _was_up(self, process: str, place: int) -> bool:
        """A request that comes while there is no process is asked in vain, and invokes nothing."""
        changes = (e for e in self.evidence.events[:place] if e.kind is Kind.PROCESS and e.where == process)
        states = [event.data.get("state") for event in changes]
        return not states or states[-1] not in ("killed", "exited", "started")

    def _entered(self) -> int:
        """Submits that a tap has seen as well: one message each, not two."""
        entry = self.evidence.expectation.submit_node
        return sum(
            e.kind is Kind.DELIVER and e.data.get("node") == entry and e.where.startswith("client->")
            for _, e in self.events
        )

    # --- business processes -------------------------------------------------------------------------------------

    def _workflow(self, workflow: ExpectedWorkflow) -> WorkflowFigures:
        own = [effect for effect in self.owed if effect.node in workflow.nodes]
        completed_s = self._completed(own)
        times = [self._since(self.done[effect.name]) for effect in own if effect.name in self.done]
        begun = bool(times)
        partial_s = (None if completed_s is None else round(completed_s - min(times), ROUND)) if begun else 0.0
        return WorkflowFigures(
            name=workflow.name,
            partial_s=partial_s,
            completed=completed_s is not None,
            ask=self._asked(own),
        )

    def _asked(self, effects: Iterable[ExpectedEffect]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(self._ask(effect) for effect in effects if self._was_open(effect)))

    def _was_open(self, effect: ExpectedEffect) -> bool:
        """The effect had not taken place when the fault struck."""
        if self.fault is None:
            return False
        at_s = self.done.get(effect.name)
        return at_s is None or at_s > self.evidence.events[self.fault].at_s

    def _ask(self, effect: ExpectedEffect) -> str:
        owner, where = self._owner(effect.node)
        return f"{owner}, kept in {where}" if where and where != "client" else owner
