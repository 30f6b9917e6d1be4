"""What a table expects of a row and what a run has shown, in one form, so that they can be compared and printed alike.

Observations are counted by the taps (who was invoked), by the world (what was attempted and applied) and by the checks'
readers of stores; no service is asked for its opinion. What the model predicts for the row's sentences is held against
the table as well: a table that says something else than the model is as wrong as a system that does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from harness.boundaries import simulate
from harness.boundaries.derive import Boundaries
from harness.boundaries.faults import read_fault
from harness.boundaries.predict import predict
from harness.checks import CaseVerdict, Verdict
from harness.history import History, Kind
from harness.runner.system import System
from harness.truth.table import Count, Row

__all__ = ["Outcome", "Seen", "differs_from_model", "expected", "observed", "seen"]

Counts = Mapping[str, Count]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What taps and world have counted in one run.

    invocations: requests that reached a node. executions: how often a node's work was begun; this differs where the
    node registers a request first and works later. attempts, applied: of effects, at the world or in a store.
    """

    invocations: Counter[str]
    executions: Counter[str]
    attempts: Counter[str]
    applied: Counter[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One side of a row. The parts are those of `harness.truth.table.Row`; unowned: nodes nobody re-drives."""

    again: Counts | None
    invocations: Counts | None
    attempts: Counts | None
    missing: tuple[str, ...]
    unowned: tuple[str, ...]
    verdict: Verdict

    def allows(self, other: Outcome) -> bool:
        """Whether `other` is within what this one says."""
        mine = (self.again, self.invocations, self.attempts)
        theirs = (other.again, other.invocations, other.attempts)
        return all(map(_allows, mine, theirs)) and (self.missing, self.unowned, self.verdict) == (
            other.missing,
            other.unowned,
            other.verdict,
        )

    def __str__(self) -> str:
        return "; ".join(self._parts())

    def _parts(self) -> Iterator[str]:
        if self.again is not None:
            yield " ".join(_again(name, count) for name, count in self.again.items()) or "nobody"
        if self.invocations is not None:
            yield "invoked " + ", ".join(f"{name} {count}" for name, count in self.invocations.items())
        if self.attempts is not None:
            yield "attempts " + ", ".join(f"{name} {count}" for name, count in self.attempts.items())
        if self.missing:
            yield f"never happens: {' '.join(self.missing)}"
        if self.unowned:
            yield f"nobody owns {' '.join(self.unowned)}"
        if self.verdict is not Verdict.HOLDS:
            yield str(self.verdict)


def _again(name: str, count: Count) -> str:
    return name if count == Count.exactly(1) else f"{name} x{count}"


def _allows(mine: Counts | None, theirs: Counts | None) -> bool:
    if mine is None or theirs is None:
        return True
    none = Count.exactly(0)
    return all(mine.get(name, none).allows(theirs.get(name, none)) for name in {*mine, *theirs})


def expected(row: Row, system: System) -> Outcome:
    """What the table says. The order of names is that of the manifest; attempts are called as the table calls them."""
    nodes = [node.name for node in system.manifest.node]
    missing = _in_order(row.missing, [effect.name for effect in system.effects])
    return Outcome(
        again=_sorted(row.again, nodes),
        invocations=_sorted(row.invocations, nodes),
        attempts=row.attempts,
        missing=missing,
        unowned=_unowned(system, missing) if row.verdict is Verdict.VIOLATED else (),
        verdict=row.verdict,
    )


def observed(row: Row, system: System, run: Seen, fault_free: Seen, verdict: CaseVerdict) -> Outcome:
    """What a run has shown, in the parts that the row speaks of."""
    beyond = {name: max(0, run.executions[name] - fault_free.executions[name]) for name in observable(system)}
    missing = tuple(effect.name for effect in system.effects if not run.applied[effect.name])
    nobody = any(not violation.boundary for violation in verdict.violations)
    return Outcome(
        again=row.again if row.again is None else _exactly({name: n for name, n in beyond.items() if n}),
        invocations=row.invocations and _exactly({name: run.invocations[name] for name in row.invocations}),
        attempts=row.attempts and _exactly({name: run.attempts[effect_of(name, system)] for name in row.attempts}),
        missing=missing,
        unowned=_unowned(system, missing) if nobody else (),
        verdict=verdict.outcome,
    )


def seen(system: System, history: History, work: str = "w1") -> Seen:
    """Counts one run. A request that was dropped on its way has invoked nobody."""
    events = [event for event in history if event.work == work]
    delivered = Counter(e.data["node"] for e in events if e.kind is Kind.DELIVER)
    dropped = Counter(e.data["node"] for e in events if e.kind is Kind.DROP and "node" in e.data)
    invocations = delivered - dropped
    attempts = Counter(e.where for e in events if e.kind is Kind.ATTEMPT)
    applied = Counter(e.where for e in events if e.kind is Kind.APPLY)
    for event in history.of(Kind.ROWS):
        applied[event.where] = max(applied[event.where], event.data["counts"].get(work, 0))
    executions = Counter(invocations)
    for name in _working_later(system):
        node = next(node for node in system.manifest.node if node.name == name)
        executions[name] = attempts[node.effects[0].name] if node.effects else 0
    return Seen(invocations=invocations, executions=executions, attempts=attempts, applied=applied)


def observable(system: System) -> list[str]:
    """Nodes whose executions can be counted: by a tap, or at the world where they register first and work later."""
    later = _working_later(system)
    return [node.name for node in system.manifest.node if node.route or node.name in later]


def _working_later(system: System) -> set[str]:
    """Nodes that set their trigger themselves: a request registers the work, the first effect tells of each try."""
    triggered = {edge.to for edge in system.manifest.edge if edge.trigger and edge.trigger.placement == "callee"}
    return {node.name for node in system.manifest.node if node.name in triggered and node.effects}


def effect_of(name: str, system: System) -> str:
    """The effect that a table calls so, in capitals or not. Raises KeyError."""
    return {effect.name.lower(): effect.name for effect in system.effects}[name.lower()]


def differs_from_model(row: Row, boundaries: Boundaries) -> str:
    """What the model says instead of the table; empty where they agree, or the model was not asked.

    Where its sentence leaves something open (a caller that may run out of retries), the table may be more exact.
    """
    if not row.predict or row.again is None:
        return ""
    said = _by_node(boundaries, _several(row, boundaries) if len(row.predict) > 1 else _single(row, boundaries))
    if _allows(said, row.again):
        return ""
    return "the model says " + (" ".join(_again(name, count) for name, count in said.items()) or "nobody")


def _single(row: Row, boundaries: Boundaries) -> dict[str, Count]:
    prediction = predict(boundaries, read_fault(row.predict[0], boundaries))
    least, more = prediction.must, prediction.may
    return {
        name: Count(least=least.get(name, 0), most=least.get(name, 0) + more.get(name, 0)) for name in {*least, *more}
    }


def _several(row: Row, boundaries: Boundaries) -> dict[str, Count]:
    """Formulas do not add up over several faults, so these are run step by step."""
    faults = [read_fault(text, boundaries).faults[0] for text in row.predict]
    more = simulate(boundaries, faults).invocations - simulate(boundaries).invocations
    return {name: Count.exactly(number) for name, number in more.items()}


def _by_node(boundaries: Boundaries, counts: Counts) -> dict[str, Count]:
    """Counts of instances, added up where several are of one node."""
    added: dict[str, Count] = {}
    for name, instance in boundaries.instances.items():
        if name in counts:
            before, node = added.get(instance.node.name, Count.exactly(0)), instance.node.name
            added[node] = Count(least=before.least + counts[name].least, most=before.most + counts[name].most)
    return {name: count for name, count in added.items() if count.most}


def _unowned(system: System, effects: Iterable[str]) -> tuple[str, ...]:
    """The nodes of these effects that no trigger re-drives."""
    owner = {instance.node.name: system.derived.owner[name] for name, instance in system.derived.instances.items()}
    wanted = set(effects)
    nodes = [node.name for node in system.manifest.node if {effect.name for effect in node.effects} & wanted]
    return tuple(name for name in nodes if not owner.get(name))


def _exactly(counts: Mapping[str, int]) -> dict[str, Count]:
    return {name: Count.exactly(number) for name, number in counts.items()}


def _sorted(counts: Counts | None, order: list[str]) -> Counts | None:
    return counts and {name: counts[name] for name in _in_order(counts, order)}


def _in_order(names: Iterable[str], order: list[str]) -> tuple[str, ...]:
    return tuple(sorted(names, key=order.index))
