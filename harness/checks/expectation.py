"""What a system declared, as far as the checks need it: the data of the first event of every history.

The checks know no manifest and no service. Whoever makes a history translates the declaration into an `Expectation` and
writes it down first, so that a saved history explains itself and can be judged again elsewhere, years later.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, TypeVar

from harness.errors import HistoryError

__all__ = [
    "Expectation",
    "ExpectedBoundary",
    "ExpectedCall",
    "ExpectedEffect",
    "ExpectedNode",
    "ExpectedWorkflow",
    "ReadEdge",
    "Spread",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedNode:
    """A handler.

    process: what runs it. boundary: the trigger that re-drives it; empty: nobody does (unowned).
    work: reexec, inbox, log or none: what it does when it is invoked again.
    routed: each of its invocations passes a tap. paths: how often one piece of work invokes it when nothing goes wrong.
    """

    name: str
    process: str = ""
    boundary: str = ""
    work: Literal["reexec", "inbox", "log", "none"] = "reexec"
    routed: bool = False
    paths: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedEffect:
    """An effect, and what may be said of it.

    name: as in `where` of its events.
    node: the handler that makes it.
    boundary: the trigger that owns this node; empty where nobody does.
    sink: transactional (in one transaction with its own record), keyed (the partner dedupes by key) or plain.
    duplicates: `tolerable` takes the effect out of every check that counts to two.
    source: what counts it: `world` by APPLY events, `sql` by ROWS events.
    may_reject: the world may refuse it for good.
    compensates: the effect that it undoes, and is only owed after; empty for one that goes forward.
    """

    name: str
    node: str
    boundary: str = ""
    sink: Literal["transactional", "keyed", "plain"] = "keyed"
    duplicates: Literal["never", "tolerable"] = "never"
    source: Literal["world", "sql"] = "world"
    may_reject: bool = False
    compensates: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedBoundary:
    """A responsibility boundary, named after the trigger that owns it.

    target: the node that the trigger re-drives.
    owner: the component that holds the trigger, in words a person can look for: `inbox of "orders"`.
    process: the process (or resource) where that component lives.
    holder: where the trigger itself is stored, as far as its reader says: a process or a resource.
    placement: caller | callee | engine | root.
    nodes: what is executed again when the trigger fires again.
    downstream: effects that must follow once the trigger is set, those behind the frontier too; empty: the boundary's.
    max_detect_s, backoff_max_s: the declared time constants.
    detect: how it is noticed that the work has to be driven again.
    lease_s: how long a claim is valid at least; 0 where nothing is claimed.
    attempts: how often it drives one piece of work before it gives up; 0: without limit.
    """

    name: str
    target: str = ""
    owner: str = ""
    process: str = ""
    holder: str = ""
    placement: str = ""
    nodes: tuple[str, ...] = ()
    downstream: tuple[str, ...] = ()
    max_detect_s: float = 0.0
    backoff_max_s: float = 0.0
    detect: str = ""
    lease_s: float = 0.0
    attempts: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedCall:
    """An arrow of the graph; `client` calls the node where work enters.

    caller, callee: nodes. awaits: the caller waits until the callee has completed.
    boundary: the trigger that is set along it; empty for none. retries: how often the caller tries again on the spot.
    after: the effects that the caller makes before it.
    """

    caller: str
    callee: str
    awaits: bool = True
    boundary: str = ""
    retries: int = 0
    after: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """`orders->payments`."""
        return f"{self.caller}->{self.callee}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """What a cause may lead to: the nodes that may be invoked again because of it, and no others.

    cause: fault (of the plan), call (its caller gave up waiting), lease (it ran out over its holder), exit (of a
    process by itself). name: the fault in words, the call, the boundary, the process.
    work: the one that it is about; empty for all of them. others_than: all but this one; empty for none left out.
    nodes: those that may be. must: those of them that are invoked again in any case.
    """

    cause: Literal["fault", "call", "lease", "exit"]
    name: str
    work: str = ""
    others_than: str = ""
    nodes: tuple[str, ...] = ()
    must: tuple[str, ...] = ()

    def is_about(self, work: str) -> bool:
        """Whether it says something of this work."""
        return work != self.others_than and self.work in ("", work)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadEdge:
    """An edge whose pending triggers are read from their store. name: `a->b`. boundary: the trigger set along it."""

    name: str
    boundary: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedWorkflow:
    """A business process. nodes: those that take part. boundaries: how many share it. held_by: who holds it whole."""

    name: str
    nodes: tuple[str, ...] = ()
    boundaries: tuple[str, ...] = ()
    held_by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """Everything that was declared and that a check asks for.

    system: its name.
    submit_node: where work enters.
    root: who stands behind the client: nobody, a human who waits, or a caller who retries.
    nodes, effects, boundaries: in the order in which work passes them.
    edges: those with a reader of pending triggers. calls: all arrows of the graph, and the way in.
    spreads: what the faults of the plan, and other causes that may show, may lead to; without any, that is not said.
    awaited: effects in the layer of the submitted node: applied when an awaiting submit answers ok.
    downstream: all effects that an accepted work leads to.
    faults: the plan in words, one per fault; each must be seen to land.
    parking: edges with a declared parking place for work that is given up. journals: nodes whose step log is read.
    stores: brokers and databases that hold triggers, by the names of their processes.
    workflows: the business processes, as declared.

    Raises:
        HistoryError: a name leads nowhere.
    """

    system: str
    submit_node: str = ""
    root: Literal["none", "human", "caller"] = "none"
    nodes: tuple[ExpectedNode, ...] = ()
    effects: tuple[ExpectedEffect, ...] = ()
    boundaries: tuple[ExpectedBoundary, ...] = ()
    edges: tuple[ReadEdge, ...] = ()
    calls: tuple[ExpectedCall, ...] = ()
    spreads: tuple[Spread, ...] = ()
    awaited: tuple[str, ...] = ()
    downstream: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()
    parking: tuple[str, ...] = ()
    journals: tuple[str, ...] = ()
    stores: tuple[str, ...] = ()
    workflows: tuple[ExpectedWorkflow, ...] = ()

    def __post_init__(self) -> None:
        effects = {effect.name for effect in self.effects}
        boundaries = {"", *(boundary.name for boundary in self.boundaries)}
        promised = {name for boundary in self.boundaries for name in boundary.downstream}
        _must_be_known("effect", {*self.awaited, *self.downstream, *promised} - effects)
        named = {*(node.boundary for node in self.nodes), *(effect.boundary for effect in self.effects)}
        _must_be_known("boundary", named.union(edge.boundary for edge in self.edges) - boundaries)

    @property
    def unowned(self) -> tuple[str, ...]:
        """The nodes that nobody re-drives."""
        return tuple(node.name for node in self.nodes if not node.boundary)

    def to_json(self) -> dict[str, Any]:
        """This expectation as plain JSON, for the data of the SYSTEM event."""
        plain: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return plain

    @staticmethod
    def from_json(record: Mapping[str, Any]) -> Expectation:
        """Reads what `to_json` wrote. Keys that a later version added are left aside.

        Raises:
            HistoryError: something that is needed is missing.
        """
        try:
            parts = {key: tuple(_read(of, part) for part in record.get(key, ())) for key, of in _PARTS.items()}
            return _read(Expectation, {**record, **parts})
        except (AttributeError, TypeError) as error:
            raise HistoryError(f"the first event does not declare a system: {error}") from error


_PARTS: dict[str, type[Any]] = {
    "nodes": ExpectedNode,
    "effects": ExpectedEffect,
    "boundaries": ExpectedBoundary,
    "edges": ReadEdge,
    "calls": ExpectedCall,
    "spreads": Spread,
    "workflows": ExpectedWorkflow,
}

_Record = TypeVar("_Record")


def _read(of: type[_Record], record: Mapping[str, Any]) -> _Record:
    known = {field.name for field in fields(of)}  # type: ignore[arg-type]
    return of(**{key: tuple(v) if isinstance(v, list) else v for key, v in record.items() if key in known})


def _must_be_known(what: str, strangers: set[str]) -> None:
    if strangers:
        raise HistoryError(f"the declaration names an {what} that it does not describe: {', '.join(sorted(strangers))}")
