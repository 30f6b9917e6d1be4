"""A small operational simulator: runs the graph step by step and counts, faults and all.

It shares nothing with the formula of `harness.boundaries.predict` but the graph and the names of the phases, so that
each can be checked against the other. It also answers what no formula should: several faults in one run. A fault is
raised the first times its point is reached. Messages are delivered in order; a failed one is delivered again at once.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass

from harness.boundaries.derive import Boundaries
from harness.boundaries.faults import Fault, Phase, What
from harness.boundaries.graph import Effect
from harness.boundaries.unfold import Call

__all__ = ["Run", "simulate"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What happened.

    invocations: by instance; for a callee-placed trigger these are the executions of its work.
    attempts: by instance and effect.
    registrations: how often the trigger of an instance was set.
    order: the instances in the order in which they completed.
    incomplete: instances that never completed.
    """

    invocations: Counter[str]
    attempts: Counter[tuple[str, str]]
    registrations: Counter[str]
    order: tuple[str, ...]
    incomplete: tuple[str, ...]


class _Failure(Exception):
    """A call did not come back."""


def simulate(boundaries: Boundaries, faults: Iterable[Fault] = ()) -> Run:
    """Runs every root once; a fault that is given twice happens twice."""
    run = _Execution(boundaries, Counter(faults))
    for instance in boundaries.instances.values():
        if instance.call.src is None:
            run.submit(instance.call)
            run.deliver_all()
    return Run(
        invocations=run.invocations,
        attempts=run.attempts,
        registrations=run.registrations,
        order=tuple(run.completed),
        incomplete=tuple(name for name in boundaries.instances if name not in run.completed),
    )


class _Execution:
    """Durable state (completed, journal, backlog) and counts of one run."""

    def __init__(self, boundaries: Boundaries, faults: Counter[Fault]) -> None:
        self.instances = boundaries.instances
        self.patient = {root.node for root in boundaries.graph.roots if root.client_retries}
        self.faults = faults
        self.invocations: Counter[str] = Counter()
        self.attempts: Counter[tuple[str, str]] = Counter()
        self.registrations: Counter[str] = Counter()
        self.completed: dict[str, None] = {}
        self.journal: set[tuple[str, int]] = set()
        self.backlog: deque[Call] = deque()

    def submit(self, call: Call) -> None:
        """The client calls, and calls again if it is one that does."""
        try:
            self.attempt_call(call)
        except _Failure:
            if call.dst in self.patient:
                self.submit(call)

    def deliver_all(self) -> None:
        """Works off what was handed off; without a trigger a failed delivery is gone."""
        while self.backlog:
            call = self.backlog.popleft()
            try:
                self.execute(call.dst)
            except _Failure:
                if call.triggered:
                    self.backlog.appendleft(call)

    def execute(self, name: str) -> None:
        """One invocation of a handler."""
        instance = self.instances[name]
        self.invocations[name] += 1
        if instance.node.work == "inbox" and name in self.completed:
            return
        self.reach(name, Phase())
        for place, step in enumerate(instance.steps):
            if instance.node.work == "log" and (name, place) in self.journal:
                continue
            self.take(name, step)
            self.reach(name, Phase(complete=place + 1, logged=False))
            self.journal.add((name, place))
            self.reach(name, Phase(complete=place + 1))
        self.completed[name] = None

    def take(self, name: str, step: Effect | Call) -> None:
        """One step: an effect, or a call with as many further tries as the edge declares."""
        if isinstance(step, Effect):
            self.attempts[name, step.name] += 1
        else:
            self.call(step, tries_left=step.retries)

    def call(self, call: Call, tries_left: int) -> None:
        """Calls, and calls again from inside the caller as long as tries are left."""
        try:
            self.attempt_call(call)
        except _Failure:
            if tries_left == 0:
                raise
            self.call(call, tries_left - 1)

    def attempt_call(self, call: Call) -> None:
        """One try of a call, with the faults that can befall it on the way there and back."""
        self.strike(Fault(what=What.REQUEST_LOST, at=call.dst))
        if self.faults[Fault(what=What.UNSET, at=call.dst)] and not (
            call.trigger and call.trigger.placement == "caller"
        ):
            self.invocations[call.dst] += 1
        self.strike(Fault(what=What.UNSET, at=call.dst))
        self.arrive(call)
        self.strike(Fault(what=What.REPLY_LOST, at=call.dst))

    def arrive(self, call: Call) -> None:
        """The call reaches the callee, or the record that stands for it."""
        is_client = call.src is None and (call.trigger is None or call.trigger.is_person)
        if is_client or (call.awaits and not call.triggered):
            self.execute(call.dst)
        elif call.awaits:
            self.register_and_wait(call)
        else:
            self.registrations[call.dst] += call.triggered
            self.backlog.append(call)

    def register_and_wait(self, call: Call) -> None:
        """A nested trigger: whoever comes second only attaches; its own trigger drives it until it is complete."""
        self.registrations[call.dst] += call.dst not in self.completed
        while call.dst not in self.completed:
            try:
                self.execute(call.dst)
            except _Failure:
                continue

    def reach(self, name: str, phase: Phase) -> None:
        """The handler has come this far; a crash that waits here happens now."""
        self.strike(Fault(what=What.CRASH, at=name, phase=phase))

    def strike(self, fault: Fault) -> None:
        """Raises the fault if it is still due."""
        if self.faults[fault] > 0:
            self.faults[fault] -= 1
            raise _Failure
