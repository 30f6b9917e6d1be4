"""A stage of the test's own: real processes, a real Toxiproxy, one system, and plans given in words."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from harness.history import Event, History, Kind
from harness.network import find_server
from harness.plans.model import Plan, parse_fault
from harness.runner.stage import Judged, Stage
from harness.runner.system import System

__all__ = ["Rehearsal", "fault_states", "rehearsing"]


class Rehearsal:
    """Runs plans on one system, one after the other, on an event loop of its own."""

    def __init__(self, system: System, stage: Stage, loop: asyncio.Runner) -> None:
        self.system = system
        self.stage = stage
        self._loop = loop

    def run(self, *faults: str, works: int = 2, patience: float = 1.0) -> Judged:
        """Runs one plan and judges it."""
        plan = Plan(system=self.system.name, works=works, faults=tuple(map(parse_fault, faults)))
        return self._loop.run(self.stage.run(plan, patience))


@contextmanager
def rehearsing(system: System) -> Iterator[Rehearsal]:
    """Opens a stage for a system, and closes it."""
    with asyncio.Runner() as loop:
        stage = loop.run(Stage(find_server(), [system]).__aenter__())
        try:
            yield Rehearsal(system, stage, loop)
        finally:
            loop.run(stage.__aexit__(None, None, None))


def fault_states(history: History, words: str) -> list[str]:
    """What became of a fault, in order."""
    return [event.data["state"] for event in history.of(Kind.FAULT) if event.where == words]


def proof(history: History, words: str) -> str:
    """The proof that a fault landed."""
    [landed] = [e for e in history.of(Kind.FAULT) if e.where == words and e.data["state"] == "landed"]
    return str(landed.data["proof"])


def of_work(history: History, kind: Kind, work: str = "w1") -> list[Event]:
    """The events of a kind that belong to one piece of work."""
    return [event for event in history.of(kind) if event.work == work]
