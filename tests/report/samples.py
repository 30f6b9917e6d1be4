"""Histories and reports as a run would make them, written by hand so that a test knows what the picture must show."""

from __future__ import annotations

from typing import Any

from harness.checks import Expectation, ExpectedBoundary, ExpectedEffect, ExpectedNode
from harness.history import Event, Kind
from harness.report.model import (
    Boundary,
    CaseReport,
    Finding,
    GraphEdge,
    GraphNode,
    NotExercised,
    RunReport,
    SystemReport,
    Toxiproxy,
    Verdict,
    WitnessStep,
)

PROXY = Toxiproxy(version="2.12.0", origin="go install")


class Script:
    """Writes a history event by event, with times in milliseconds."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def at(self, at_ms: float, kind: Kind, where: str = "", work: str = "", n: int = 0, **data: Any) -> int:
        """Appends an event and returns its place in the history, for a witness to point at."""
        assert not self.events or at_ms / 1000 >= self.events[-1].at_s, "the clock of a sample runs backwards"
        self.events.append(Event(at_s=at_ms / 1000, kind=kind, where=where, work=work, n=n, data=data))
        return len(self.events) - 1

    def text(self) -> str:
        """The history as JSON lines."""
        return "".join(event.to_json() + "\n" for event in self.events)


def started(script: Script, *processes: str, declared: Expectation | None = None) -> None:
    """Every process comes up, and the load begins."""
    script.at(0, Kind.SYSTEM, **(declared or Expectation(system="sample")).to_json())
    script.at(0, Kind.PHASE, "start")
    for state, at_ms in (("started", 1.0), ("ready", 17.0)):
        for place, process in enumerate(processes):
            script.at(at_ms + place / 2, Kind.PROCESS, process, state=state, pid=4100 + place)
    script.at(24, Kind.PHASE, "load")


def accepted(script: Script, at_ms: float, work: str, node: str = "orders") -> tuple[int, int]:
    """The client submits and gets its 202; returns the places of the request and of the answer."""
    link = f"client->{node}"
    first = script.at(at_ms, Kind.SUBMIT, link, work, 1, nonce="f3")
    script.at(at_ms + 1.4, Kind.DELIVER, link, work, 1, node=node)
    script.at(at_ms + 4.1, Kind.REPLY, link, work, 1, node=node, status=202)
    return first, script.at(at_ms + 5.2, Kind.ANSWER, link, work, 1, outcome="ok", status=202, detail="")


def charge(
    script: Script, at_ms: float, work: str, n: int, *, applies: int | None, by: str = "worker", key: str = ""
) -> list[int]:
    """An attempt at the charge by a process, its application if it takes effect, and the answer."""
    places = [script.at(at_ms, Kind.ATTEMPT, "charge", work, n, key=key, process=by)]
    if applies:
        places.append(script.at(at_ms + 0.3, Kind.APPLY, "charge", work, applies, key=key, nonce=f"c{n}", attempt=n))
    return places


def kill(script: Script, at_ms: float, process: str, fault: str) -> int:
    """The rendezvous is reached, the process dies by SIGKILL; returns the place of its death."""
    script.at(at_ms, Kind.POINT, "@" + fault.partition("@")[2], fault=fault)
    script.at(at_ms + 0.1, Kind.FAULT, fault, state="about to")
    death = script.at(at_ms + 2.3, Kind.PROCESS, process, state="killed", pid=4101, status=-9)
    script.at(at_ms + 2.5, Kind.FAULT, fault, state="landed", proof="SIGKILL of pid 4101, exit status -9")
    return death


def restarted(script: Script, at_ms: float, process: str) -> int:
    """Heal: the killed process is started again and becomes ready."""
    script.at(at_ms, Kind.PHASE, "heal")
    place = script.at(at_ms + 1, Kind.PROCESS, process, state="started", pid=4177)
    script.at(at_ms + 18, Kind.PROCESS, process, state="ready", pid=4177)
    return place


INBOX_NODES = (
    GraphNode(name="orders", process="orders"),
    GraphNode(name="payments", process="worker", effects=("charge",)),
)
INBOX_EDGES = (GraphEdge(source="orders", target="payments", awaits=False, trigger="callee inbox"),)
INBOX_BOUNDARIES = (
    Boundary(trigger="human", target="orders", nodes=("orders",), layer=("orders",), frontier=("orders->payments",)),
    Boundary(trigger="orders->payments", target="payments", nodes=("payments",), layer=("payments",)),
)
KILL_AFTER_CHARGE = "kill worker @applied charge w7"
INBOX_DECLARED = Expectation(
    system="callee-inbox",
    submit_node="orders",
    nodes=(
        ExpectedNode(name="orders", process="orders"),
        ExpectedNode(name="payments", process="worker", boundary="inbox:payments"),
    ),
    effects=(ExpectedEffect(name="charge", node="payments", boundary="inbox:payments"),),
    boundaries=(
        ExpectedBoundary(
            name="inbox:payments",
            target="payments",
            owner='inbox of "payments"',
            process="worker",
            placement="callee",
            nodes=("payments",),
            downstream=("charge",),
        ),
    ),
    downstream=("charge",),
    faults=(KILL_AFTER_CHARGE,),
)


def inbox_history(*, keyed: bool) -> tuple[str, dict[str, int]]:
    """The worker is killed after the charge. Keyed, the second attempt changes nothing; plain, it charges again.

    Returns the JSON lines and the places of the events that a witness names.
    """
    script, places = Script(), {}
    started(script, "orders", "worker", declared=INBOX_DECLARED)
    places["submit"], places["answer"] = accepted(script, 26, "w7")
    script.at(33, Kind.PENDING, "orders->payments", works=["w7"])
    key = "w7/charge" if keyed else ""
    places["first"] = charge(script, 41, "w7", 1, applies=1, key=key)[1]
    places["kill"] = kill(script, 41.6, "worker", KILL_AFTER_CHARGE)
    places["restart"] = restarted(script, 52, "worker")
    script.at(75, Kind.PHASE, "drain")
    places["second"] = charge(script, 312, "w7", 2, applies=None if keyed else 2, key=key)[-1]
    script.at(313, Kind.ANSWERED, "charge", "w7", 2, nonce="c1" if keyed else "c2", first=not keyed, status=200)
    script.at(321, Kind.PENDING, "orders->payments", works=[])
    script.at(323, Kind.QUIET, why="nothing pending, nothing in flight, no lease held")
    script.at(323.4, Kind.PHASE, "judge")
    script.at(324, Kind.PHASE, "replay")
    script.at(325, Kind.SUBMIT, "client->orders", "w7", 2, nonce="f3")
    script.at(326, Kind.DELIVER, "client->orders", "w7", 2, node="orders")
    script.at(328, Kind.REPLY, "client->orders", "w7", 2, node="orders", status=202)
    script.at(328.9, Kind.ANSWER, "client->orders", "w7", 2, outcome="ok", status=202, detail="")
    script.at(640, Kind.QUIET, why="the past was replayed and changed nothing")
    script.at(640.5, Kind.PHASE, "end")
    return script.text(), places


def duplicate_case() -> CaseReport:
    """RT102: an inbox worker that charges without a key."""
    text, at = inbox_history(keyed=False)
    finding = Finding(
        code="RT102",
        title="duplicate effect",
        property="P2",
        boundary='"payments" (callee: worker)',
        work="w7",
        summary='work w7 took effect "charge" twice at the world; allowed: once',
        witness=(
            WitnessStep(
                text="submit w7 -> 202 accepted: responsibility is now with the inbox",
                events=(at["submit"], at["answer"]),
            ),
            WitnessStep(text="worker charges w7 -> applied, charge #1", events=(at["first"],)),
            WitnessStep(text='KILL worker: after the effect, before "done" was stored', events=(at["kill"],)),
            WitnessStep(text="worker restarts, reads its inbox", events=(at["restart"],)),
            WitnessStep(text="worker charges w7 again -> applied, charge #2: the second time", events=(at["second"],)),
        ),
        likely='the charge carries no idempotency key, and "done" is stored after it',
        where_to_look="worker",
        owner='inbox of "payments"',
        spread="worker only",
    )
    return CaseReport(
        plan="d1biDm",
        faults=(KILL_AFTER_CHARGE,),
        outcome=Verdict.VIOLATED,
        seconds=0.71,
        findings=(finding,),
        landed=(KILL_AFTER_CHARGE,),
        history=text,
        reproduced=5,
        of=5,
        smallest_of=9,
        steps_before=11,
        phase_s={"start": 0.02, "load": 0.02, "heal": 0.02, "drain": 0.25, "judge": 0.01, "replay": 0.31},
    )


def keyed_case(plan: str = "k3yed1") -> CaseReport:
    """The same kill, survived: two attempts, one effect."""
    text, _ = inbox_history(keyed=True)
    return CaseReport(
        plan=plan,
        faults=(KILL_AFTER_CHARGE,),
        outcome=Verdict.HOLDS,
        seconds=0.64,
        landed=(KILL_AFTER_CHARGE,),
        history=text,
        phase_s={"start": 0.02, "load": 0.02, "drain": 0.25},
    )


def inbox_system(*cases: CaseReport, name: str = "callee-inbox", **changes: Any) -> SystemReport:
    """A system with an inbox, and these cases."""
    cases = cases or (keyed_case(),)
    facts: dict[str, Any] = {
        "name": name,
        "path": f"patterns/{name.replace('-', '_')}/retrigger.toml",
        "about": "An inbox row is committed before the 202; a worker with a lease works it off.",
        "verdict": Verdict.VIOLATED if any(c.findings for c in cases) else Verdict.HOLDS,
        "nodes": INBOX_NODES,
        "edges": INBOX_EDGES,
        "boundaries": INBOX_BOUNDARIES,
        "plans": len(cases),
        "cases": cases,
        "faults_landed": {"kill before effect": 22, "kill effect..done": 14, "kill ack..inbox": 0, "reply lost": 31},
        "not_tested": ("power loss", "disk corruption", "clock jumps", "two workers at once (not claimed)"),
        "seconds": 2.4 + 0.3 * len(cases),
    }
    return SystemReport(**(facts | changes))


def naive_system() -> SystemReport:
    """A background task after the 202 dies with its process: the work is lost. Announced by its manifest."""
    fault = "kill orders @recv charge w3"
    script = Script()
    started(script, "orders")
    submit, answer = accepted(script, 26, "w3")
    other_submit, _ = accepted(script, 33, "w4")
    attempt = charge(script, 44, "w3", 1, applies=None, by="orders")[0]
    death = kill(script, 44.4, "orders", fault)
    script.at(47.1, Kind.DROP, "charge", "w3", 1)
    restarted(script, 60, "orders")
    script.at(82, Kind.PHASE, "drain")
    charge(script, 86, "w4", 1, applies=1, by="orders")
    script.at(87, Kind.ANSWERED, "charge", "w4", 1, nonce="c9", first=True, status=200)
    deadline = script.at(1640, Kind.DEADLINE, budget_s=1.55, state="stranded", works=["w3"])
    script.at(1641, Kind.PHASE, "judge")
    assert other_submit
    finding = Finding(
        code="RT101",
        title="acknowledged work lost",
        property="P1b",
        boundary="none (no trigger owns the charge)",
        work="w3",
        summary="work w3 was acknowledged and never took effect; required: once",
        witness=(
            WitnessStep(text='submit w3 -> 202 accepted: responsibility is now with "orders"', events=(submit, answer)),
            WitnessStep(text="orders calls charge for w3 in the background", events=(attempt,)),
            WitnessStep(text="KILL orders: after the 202, before the effect", events=(death,)),
            WitnessStep(
                text="orders is up again; nothing holds w3, nothing will drive it (STRANDED)", events=(deadline,)
            ),
        ),
        likely="the work lives only in the memory of the process that answered 202",
        where_to_look="orders",
        owner="nobody",
        spread="orders only",
    )
    case = CaseReport(
        plan="n41vex",
        faults=(fault,),
        outcome=Verdict.VIOLATED,
        seconds=1.7,
        findings=(finding,),
        landed=(fault,),
        history=script.text(),
        reproduced=10,
        of=10,
        smallest_of=3,
        steps_before=4,
    )
    return SystemReport(
        name="callee-naive",
        path="patterns/callee_naive/retrigger.toml",
        verdict=Verdict.VIOLATED,
        expect=Verdict.VIOLATED,
        about="Answers 202, then works in a background task of the same process.",
        nodes=(
            GraphNode(name="orders", process="orders"),
            GraphNode(name="payments", process="orders", effects=("charge",)),
        ),
        edges=(GraphEdge(source="orders", target="payments", awaits=False),),
        unowned=("orders", "payments"),
        lints=("DANGLING_ASYNC orders->payments",),
        plans=6,
        cases=(case,),
        faults_landed={"kill before effect": 1},
        not_tested=("power loss",),
        seconds=2.2,
    )


def queue_system() -> SystemReport:
    """A clean queue case with a broker between the processes, and a lost reply that the human's second try mends."""
    fault = "cut reply client->orders @reply orders w1"
    script = Script()
    started(script, "broker", "orders", "relay", "stock")
    script.at(26, Kind.SUBMIT, "client->orders", "w1", 1, nonce="aa")
    script.at(27.2, Kind.DELIVER, "client->orders", "w1", 1, node="orders")
    script.at(30.9, Kind.REPLY, "client->orders", "w1", 1, node="orders", status=202)
    script.at(31, Kind.POINT, "@reply orders w1", fault=fault)
    script.at(31.1, Kind.FAULT, fault, state="about to")
    script.at(32.4, Kind.FAULT, fault, state="landed", proof="0 of 124 bytes of the reply passed")
    script.at(33.6, Kind.ANSWER, "client->orders", "w1", 1, outcome="unknown", status=None, detail="connection closed")
    script.at(36, Kind.PENDING, "relay->stock", works=["w1"])
    script.at(41, Kind.ATTEMPT, "reserve", "w1", 1, key="w1/reserve", process="stock")
    script.at(41.3, Kind.APPLY, "reserve", "w1", 1, key="w1/reserve", nonce="s1", attempt=1)
    script.at(41.8, Kind.ANSWERED, "reserve", "w1", 1, nonce="s1", first=True, status=200)
    script.at(44, Kind.PENDING, "relay->stock", works=[])
    script.at(46, Kind.FAULT, fault, state="healed")
    script.at(46.1, Kind.PHASE, "heal")
    script.at(233.6, Kind.SUBMIT, "client->orders", "w1", 2, nonce="aa")
    script.at(234.6, Kind.DELIVER, "client->orders", "w1", 2, node="orders")
    script.at(236, Kind.REPLY, "client->orders", "w1", 2, node="orders", status=202)
    script.at(237, Kind.ANSWER, "client->orders", "w1", 2, outcome="ok", status=202, detail="")
    script.at(238, Kind.PHASE, "drain")
    script.at(420, Kind.QUIET, why="nothing pending, nothing in flight")
    script.at(421, Kind.PHASE, "judge")
    case = CaseReport(plan="q0clea", faults=(fault,), seconds=0.5, landed=(fault,), history=script.text())
    return SystemReport(
        name="caller-queue",
        path="patterns/caller_queue/retrigger.toml",
        verdict=Verdict.HOLDS,
        about="Outbox, relay, work queue, idempotent consumer.",
        nodes=(
            GraphNode(name="orders", process="orders"),
            GraphNode(name="relay", process="relay"),
            GraphNode(name="stock", process="stock", effects=("reserve",)),
        ),
        edges=(
            GraphEdge(source="orders", target="relay", awaits=False, trigger="caller outbox"),
            GraphEdge(source="relay", target="stock", awaits=False, trigger="caller queue"),
        ),
        boundaries=(
            Boundary(
                trigger="human", target="orders", nodes=("orders",), layer=("orders",), frontier=("orders->relay",)
            ),
            Boundary(
                trigger="orders->relay", target="relay", nodes=("relay",), layer=("relay",), frontier=("relay->stock",)
            ),
            Boundary(trigger="relay->stock", target="stock", nodes=("stock",), layer=("stock",)),
        ),
        plans=64,
        cases=(case,),
        faults_landed={"reply lost": 1, "kill before effect": 3},
        not_exercised=(
            NotExercised(plan="zz9", faults=("kill relay @published w1 #3",), why="only two publishes happened"),
        ),
        not_tested=("power loss",),
        seconds=1.1,
    )


def figure_system() -> SystemReport:
    """The six-node graph with a human root, D and F queued, E driven by an engine that C waits for (nested)."""
    fault = "kill c @deliver C w1"
    script = Script()
    started(script, "a", "b", "c", "d", "e", "f")
    script.at(26, Kind.SUBMIT, "client->a", "w1", 1, nonce="aa")
    script.at(27, Kind.DELIVER, "client->a", "w1", 1, node="A")
    script.at(28, Kind.ATTEMPT, "wA", "w1", 1, key="w1/wA", process="a")
    script.at(28.2, Kind.APPLY, "wA", "w1", 1, key="w1/wA", nonce="1", attempt=1)
    script.at(30, Kind.DELIVER, "a->b", "w1", 1, node="B")
    script.at(31, Kind.DELIVER, "b->d", "w1", 1, node="D")
    script.at(31.4, Kind.REPLY, "b->d", "w1", 1, node="D", status=202)
    script.at(32, Kind.REPLY, "a->b", "w1", 1, node="B", status=200)
    script.at(33, Kind.DELIVER, "a->c", "w1", 1, node="C")
    death = kill(script, 33.2, "c", fault)
    assert death
    script.at(36, Kind.REPLY, "client->a", "w1", 1, node="A", status=503)
    script.at(37, Kind.ANSWER, "client->a", "w1", 1, outcome="unknown", status=503, detail="upstream failed")
    script.at(39, Kind.ATTEMPT, "wD", "w1", 1, key="w1/wD", process="d")
    script.at(39.2, Kind.APPLY, "wD", "w1", 1, key="w1/wD", nonce="1", attempt=1)
    restarted(script, 45, "c")
    script.at(237, Kind.SUBMIT, "client->a", "w1", 2, nonce="aa")
    script.at(238, Kind.DELIVER, "client->a", "w1", 2, node="A")
    script.at(239, Kind.ATTEMPT, "wA", "w1", 2, key="w1/wA", process="a")
    script.at(240, Kind.DELIVER, "a->b", "w1", 2, node="B")
    script.at(241, Kind.DELIVER, "b->d", "w1", 2, node="D")
    script.at(241.5, Kind.REPLY, "b->d", "w1", 2, node="D", status=202)
    script.at(242, Kind.REPLY, "a->b", "w1", 2, node="B", status=200)
    script.at(243, Kind.DELIVER, "a->c", "w1", 2, node="C")
    script.at(244, Kind.DELIVER, "c->e", "w1", 1, node="E")
    script.at(245, Kind.ATTEMPT, "wE", "w1", 1, key="w1/wE", process="e")
    script.at(245.3, Kind.APPLY, "wE", "w1", 1, key="w1/wE", nonce="1", attempt=1)
    script.at(247, Kind.REPLY, "c->e", "w1", 1, node="E", status=200)
    script.at(248, Kind.REPLY, "a->c", "w1", 2, node="C", status=200)
    script.at(249, Kind.REPLY, "client->a", "w1", 2, node="A", status=200)
    script.at(250, Kind.ANSWER, "client->a", "w1", 2, outcome="ok", status=200, detail="")
    script.at(400, Kind.QUIET, why="nothing pending, nothing in flight")
    nodes = tuple(GraphNode(name=n, process=n.lower(), effects=(f"w{n}",)) for n in "ABCDEF")
    edges = (
        GraphEdge(source="A", target="B", awaits=True),
        GraphEdge(source="A", target="C", awaits=True),
        GraphEdge(source="B", target="D", awaits=False, trigger="caller queue"),
        GraphEdge(source="C", target="E", awaits=True, trigger="engine engine"),
        GraphEdge(source="C", target="F", awaits=False, trigger="caller queue"),
    )
    boundaries = (
        Boundary(
            trigger="human", target="A", nodes=("A", "B", "C"), layer=("A", "B", "C", "E"), frontier=("B->D", "C->F")
        ),
        Boundary(trigger="B->D", target="D", nodes=("D",), layer=("D",)),
        Boundary(trigger="C->E", target="E", nodes=("E",), layer=("E",), nested_in="human"),
        Boundary(trigger="C->F", target="F", nodes=("F",), layer=("F",)),
    )
    case = CaseReport(plan="f5spil", faults=(fault,), seconds=0.4, landed=(fault,), history=script.text())
    return SystemReport(
        name="six-nodes-nested",
        path="patterns/fig5/retrigger.toml",
        verdict=Verdict.HOLDS,
        nodes=nodes,
        edges=edges,
        about="Figure 5 with an engine under C.",
        boundaries=boundaries,
        plans=22,
        cases=(case,),
        faults_landed={"kill": 1},
        seconds=0.9,
    )


def run_of(*systems: SystemReport, **changes: Any) -> RunReport:
    """A run over these systems, on the real proxy."""
    facts: dict[str, Any] = {
        "tool_version": "0.3",
        "toxiproxy": PROXY,
        "systems": systems,
        "command": "retrigger demo",
        "profile": "core",
        "explore": "single",
        "seed": 81213,
        "workers": 2,
        "seconds": 12.9,
    }
    return RunReport(**(facts | changes))


def demo_run() -> RunReport:
    """Placements side by side, the naive one violated as announced."""
    return run_of(queue_system(), inbox_system(), figure_system(), naive_system())
