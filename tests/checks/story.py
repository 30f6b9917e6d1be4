"""Small histories that read like a story: who did what, in order, on a clock of their own."""

from __future__ import annotations

from collections import Counter
from typing import Any

from harness.checks import (
    Expectation,
    ExpectedBoundary,
    ExpectedCall,
    ExpectedEffect,
    ExpectedNode,
    ExpectedWorkflow,
    ReadEdge,
    Spread,
)
from harness.history import Event, History, Kind

__all__ = ["KILL", "Story", "chain", "handed_off", "inbox", "ledger", "nobody", "saga"]


def inbox(**changes: Any) -> Expectation:
    """Orders accepts and stores; its worker reads the inbox and charges: callee placement, one boundary."""
    declared: dict[str, Any] = {
        "system": "inbox",
        "submit_node": "orders",
        "nodes": (
            ExpectedNode(name="orders", process="orders", boundary="human"),
            ExpectedNode(name="payments", process="worker", boundary="inbox"),
        ),
        "effects": (ExpectedEffect(name="charge", node="payments", boundary="inbox"),),
        "boundaries": (
            ExpectedBoundary(name="human", target="orders", owner="the person who clicks", placement="root"),
            ExpectedBoundary(name="inbox", target="payments", owner='inbox of "orders"', process="worker"),
        ),
        "edges": (ReadEdge(name="orders->payments", boundary="inbox"),),
        "root": "human",
        "downstream": ("charge",),
    }
    return Expectation(**declared | changes)


def chain(root: str = "human") -> Expectation:
    """A calls B and waits: two effects in one layer, owned by a human, or by nobody."""
    boundary = "human" if root == "human" else ""
    return Expectation(
        system="chain",
        submit_node="a",
        root="human" if root == "human" else "none",
        nodes=(
            ExpectedNode(name="a", process="a", boundary=boundary),
            ExpectedNode(name="b", process="b", boundary=boundary),
        ),
        effects=(
            ExpectedEffect(name="reserve", node="a", boundary=boundary),
            ExpectedEffect(name="charge", node="b", boundary=boundary),
        ),
        boundaries=(ExpectedBoundary(name="human", target="a", owner="the person who clicks", placement="root"),),
        awaited=("reserve", "charge"),
        downstream=("reserve", "charge"),
    )


def nobody() -> Expectation:
    """As `inbox`, with an in-process task instead of an inbox: the worker's node has no owner."""
    return inbox(
        nodes=(ExpectedNode(name="payments", process="worker"),),
        effects=(ExpectedEffect(name="charge", node="payments"),),
        edges=(),
    )


def ledger(**changes: Any) -> Expectation:
    """As `inbox`, with rows of an audit table instead of calls to the world."""
    effect = ExpectedEffect(name="charge", node="payments", boundary="inbox", sink="transactional", source="sql")
    return inbox(effects=(effect,), **changes)


KILL = "kill b @recv charge w1"


def handed_off(**changes: Any) -> Expectation:
    """A takes work and hands it to b through its inbox; both have taps. A kill of b may only touch b."""
    declared: dict[str, Any] = {
        "system": "handed-off",
        "submit_node": "a",
        "root": "human",
        "nodes": (
            ExpectedNode(name="a", process="a", boundary="human", routed=True),
            ExpectedNode(name="b", process="b", boundary="inbox", routed=True),
        ),
        "effects": (
            ExpectedEffect(name="reserve", node="a", boundary="human"),
            ExpectedEffect(name="charge", node="b", boundary="inbox"),
        ),
        "boundaries": (
            ExpectedBoundary(name="human", target="a", owner="the person who clicks", placement="root", nodes=("a",)),
            ExpectedBoundary(
                name="inbox", target="b", owner="the inbox of b", placement="callee", nodes=("b",), lease_s=5.0
            ),
        ),
        "edges": (ReadEdge(name="a->b", boundary="inbox"),),
        "calls": (
            ExpectedCall(caller="client", callee="a", boundary="human"),
            ExpectedCall(caller="a", callee="b", awaits=False, boundary="inbox"),
        ),
        "spreads": (
            Spread(cause="fault", name=KILL, nodes=("b",), must=("b",)),
            Spread(cause="call", name="client->a", nodes=("a", "b")),
            Spread(cause="call", name="a->b", nodes=("a", "b")),
            Spread(cause="lease", name="inbox", nodes=("b",)),
            Spread(cause="exit", name="a", nodes=("a", "b")),
        ),
        "downstream": ("reserve", "charge"),
    }
    return Expectation(**declared | changes)


def saga() -> Expectation:
    """Charge, then ship, which may be refused; then the charge is to be refunded. One inbox owns both."""
    return inbox(
        effects=(
            ExpectedEffect(name="charge", node="payments", boundary="inbox"),
            ExpectedEffect(name="ship", node="payments", boundary="inbox", may_reject=True),
            ExpectedEffect(name="refund", node="payments", boundary="inbox", compensates="charge"),
        ),
        downstream=("charge", "ship", "refund"),
        workflows=(ExpectedWorkflow(name="fulfilment", nodes=("payments",), boundaries=("inbox",), held_by="inbox"),),
    )


class Story:
    """Writes a history down. Every method is one observation and returns the story, so that stories chain."""

    def __init__(self, expectation: Expectation) -> None:
        self.events: list[Event] = []
        self._tries: Counter[str] = Counter()
        self._attempts: Counter[tuple[str, str]] = Counter()
        self._applied: Counter[tuple[str, str]] = Counter()
        self._delivered: Counter[tuple[str, str]] = Counter()
        self.tell(Kind.SYSTEM, **expectation.to_json())
        self.phase("start").phase("load")

    @property
    def history(self) -> History:
        """What was written so far."""
        return History(self.events)

    def tell(self, kind: Kind, work: str = "", where: str = "", n: int = 0, **data: Any) -> Story:
        at_s = round(0.01 * len(self.events), 6)
        self.events.append(Event(at_s=at_s, kind=kind, work=work, where=where, n=n, data=data))
        return self

    def phase(self, name: str) -> Story:
        return self.tell(Kind.PHASE, where=name)

    def submit(self, work: str = "w1") -> Story:
        self._tries[work] += 1
        return self.tell(Kind.SUBMIT, work, "client->orders", self._tries[work], nonce=f"nonce-of-{work}")

    def accepted(self, work: str = "w1") -> Story:
        return self._answer(work, "ok", 202)

    def rejected(self, work: str = "w1") -> Story:
        return self._answer(work, "rejected", 409)

    def unknown(self, work: str = "w1") -> Story:
        return self._answer(work, "unknown", None, "connection reset")

    def _answer(self, work: str, outcome: str, status: int | None, detail: str = "") -> Story:
        return self.tell(Kind.ANSWER, work, n=self._tries[work], outcome=outcome, status=status, detail=detail)

    def attempts(
        self, work: str = "w1", effect: str = "charge", key: str | None = None, by: str = "worker", **data: Any
    ) -> Story:
        self._attempts[effect, work] += 1
        sent = work if key is None else key
        return self.tell(Kind.ATTEMPT, work, effect, self._attempts[effect, work], key=sent, process=by, **data)

    def applies(
        self, work: str = "w1", effect: str = "charge", key: str | None = None, by: str = "worker", **data: Any
    ) -> Story:
        """An attempt that takes effect."""
        self.attempts(work, effect, key, by, **data)
        return self.takes_effect(work, effect, key, by)

    def takes_effect(
        self, work: str = "w1", effect: str = "charge", key: str | None = None, by: str = "worker", **data: Any
    ) -> Story:
        self._applied[effect, work] += 1
        sent, attempt = work if key is None else key, self._attempts[effect, work]
        return self.tell(
            Kind.APPLY, work, effect, self._applied[effect, work], key=sent, attempt=attempt, process=by, **data
        )

    def delivers(self, node: str, work: str = "w1", by: str = "client", **data: Any) -> Story:
        """A tap gets a request for a node, from a process."""
        self._delivered[node, work] += 1
        return self.tell(Kind.DELIVER, work, f"{by}->{node}", self._delivered[node, work], node=node, **data)

    def replies(self, node: str, work: str = "w1", by: str = "client", status: int = 200, **data: Any) -> Story:
        """The answer of a node to the last request for it."""
        told = {"node": node, "status": status, "about": [work]} | data
        return self.tell(Kind.REPLY, work, f"{by}->{node}", self._delivered[node, work], **told)

    def answers_with(self, payload: str, work: str = "w1", **data: Any) -> Story:
        """The client is answered ok, with this content."""
        told = {"outcome": "ok", "status": 200, "payload": payload, "about": [work]} | data
        return self.tell(Kind.ANSWER, work, n=self._tries[work], **told)

    def refuses(self, work: str = "w1", effect: str = "ship") -> Story:
        """An attempt that the world refuses for good."""
        self.attempts(work, effect)
        n = self._attempts[effect, work]
        return self.tell(Kind.ANSWERED, work, effect, n, first=False, status=422, refused=True)

    def dropped(self, work: str = "w1", effect: str = "charge") -> Story:
        return self.tell(Kind.DROP, work, effect, self._attempts[effect, work])

    def killed(self, process: str = "worker", at: str = "recv charge w1") -> Story:
        words = f"kill {process} @{at}"
        struck = at.split()[-1] if " " in at else ""
        self.tell(Kind.FAULT, struck, words, state="about to")
        self.tell(Kind.PROCESS, where=process, state="killed", pid=7)
        return self.tell(Kind.FAULT, struck, words, state="landed", proof="exit status -9")

    def restarted(self, process: str = "worker") -> Story:
        return self.tell(Kind.PROCESS, where=process, state="started", pid=8).tell(
            Kind.PROCESS, where=process, state="ready", pid=8
        )

    def stored(self, *works: str, edge: str = "orders->payments") -> Story:
        """The store of an edge holds these works, and no others."""
        return self.tell(Kind.PENDING, where=edge, works=list(works))

    def looks(self, *held: str, **rows: dict[str, int]) -> Story:
        """All stores are read: the works that some store holds, and the rows of effects."""
        return self.tell(Kind.LOOK, since=len(self.events), held={"orders->payments": list(held)}, rows=rows)

    def heals(self) -> Story:
        return self.phase("heal")

    def drains(self) -> Story:
        return self.phase("drain")

    def quiet(self) -> Story:
        return self.tell(Kind.QUIET, why="nothing pending, nothing in flight")

    def deadline(self, state: str, *works: str, **data: Any) -> Story:
        return self.tell(Kind.DEADLINE, budget_s=3.0, state=state, works=list(works), **data)

    def rows(self, effect: str = "charge", **counts: int) -> Story:
        return self.tell(Kind.ROWS, where=effect, counts=counts)

    def replays(self) -> Story:
        return self.phase("replay")

    def ends(self) -> Story:
        return self.phase("end")
