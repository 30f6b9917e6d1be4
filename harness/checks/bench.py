"""How long judging takes, by size of the history. Measured, never asserted: machines differ.

python -m harness.checks.bench          sizes up to 1,000,000 events

The history has all that a check asks for: taps, the store of a trigger, a step log, readings of all stores while work
is under way, and faults with what each may lead to. A reading lists what is in the store just then: the work at hand.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from harness.checks.expectation import (
    Expectation,
    ExpectedBoundary,
    ExpectedCall,
    ExpectedEffect,
    ExpectedNode,
    ReadEdge,
    Spread,
)
from harness.checks.judge import judge
from harness.history import Event, History, Kind

__all__ = ["Measurement", "bench", "long_history"]

EVENTS_PER_WORK = 27
WORKS_PER_FAULT = 100
EDGE = "orders->payments"
LINK = "client->orders"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """events: size of the history. outcome: what was judged.

    seconds: judging it once, reading from disk left out. cpu_s: the processor time of that, whoever else is busy.
    """

    events: int
    seconds: float
    cpu_s: float
    outcome: str


def bench(sizes: Sequence[int] = (10_000, 100_000, 1_000_000)) -> list[Measurement]:
    """Judges one history of about each size, all of whose works are done once, and says how long each took."""
    return [_measure(long_history(size)) for size in sizes]


def long_history(events: int, *, applications: int = 1) -> History:
    """A history of about so many events; every work is accepted, survives a lost answer, and takes effect.

    applications: how often each effect takes place; 2 makes every work a violation.
    """
    works = [f"w{number}" for number in range(max(1, events // EVENTS_PER_WORK))]
    history = History()
    for number, event in enumerate(_events(works, applications)):
        data = event.data | {"since": number} if event.kind is Kind.LOOK else event.data
        numbered = Event(at_s=number / 1000, kind=event.kind, work=event.work, where=event.where, n=event.n, data=data)
        history.events.append(numbered)
    return history


def _measure(history: History) -> Measurement:
    start_s, start_cpu_s = time.perf_counter(), time.process_time()
    verdict = judge(history)
    seconds, cpu_s = time.perf_counter() - start_s, time.process_time() - start_cpu_s
    return Measurement(
        events=len(history), seconds=round(seconds, 3), cpu_s=round(cpu_s, 3), outcome=verdict.outcome.value
    )


def _events(works: list[str], applications: int) -> Iterator[Event]:
    struck = works[::WORKS_PER_FAULT]
    yield _event(Kind.SYSTEM, **_declared(struck).to_json())
    yield _event(Kind.PHASE, where="load")
    for number, work in enumerate(works):
        yield from _submitted(work)
        killed = number % WORKS_PER_FAULT == 0
        yield from _killed(work) if killed else ()
        yield from _done(work, 2 if killed else 1, applications)
    yield _event(Kind.PHASE, where="heal")
    yield _event(Kind.PHASE, where="drain")
    yield _rows(works)
    yield _event(Kind.QUIET)
    yield _rows(works)
    yield _event(Kind.PHASE, where="replay")
    for work in works:
        yield _event(Kind.SUBMIT, work, n=3, nonce=work)
        yield _event(Kind.ANSWER, work, n=3, outcome="ok", status=202, payload="same", about=[work])
    yield _event(Kind.QUIET)
    yield _rows(works)
    yield _event(Kind.PHASE, where="end")


def _submitted(work: str) -> Iterator[Event]:
    """Sent twice, since the first answer got lost; from then on it is in the store."""
    for n, outcome in ((1, "unknown"), (2, "ok")):
        yield _event(Kind.SUBMIT, work, n=n, nonce=work)
        yield from _applied(work, "reserve", n, 1, "orders") if n == 1 else ()
        yield _event(Kind.DELIVER, work, LINK, n, node="orders", payload=work, key=work)
        yield _event(Kind.REPLY, work, LINK, n, node="orders", status=202, payload="same", about=[work])
        status = 202 if outcome == "ok" else None
        yield _event(Kind.ANSWER, work, n=n, outcome=outcome, status=status, payload="same", about=[work])
    yield _event(Kind.PENDING, where=EDGE, works=[work])
    yield _event(Kind.LOOK, held={EDGE: [work]}, rows={})


def _killed(work: str) -> Iterator[Event]:
    """The store and the worker die, at an attempt that is never carried out."""
    yield _event(Kind.PROCESS, where="db", state="killed", pid=3)
    yield _event(Kind.PROCESS, where="db", state="started", pid=4)
    yield _event(Kind.ATTEMPT, work, "charge", 1, key=work, payload=work, process="worker", epoch=1)
    yield _event(Kind.FAULT, work, _kill(work), state="about to")
    yield _event(Kind.PROCESS, where="worker", state="killed", pid=1)
    yield _event(Kind.FAULT, work, _kill(work), state="landed", proof="exit status -9")
    yield _event(Kind.DROP, work, "charge", 1)
    yield _event(Kind.PROCESS, where="worker", state="started", pid=2)


def _done(work: str, first: int, applications: int) -> Iterator[Event]:
    """Charged and written down, then mailed with what the charge gave; in the end its trigger is discharged."""
    yield from _applied(work, "charge", first, applications, "worker")
    yield from _recorded(work, "charge")
    yield _event(Kind.ATTEMPT, work, "mail", 1, key=work, payload=work, process="worker", uses={"charge": work})
    yield from _applied(work, "mail", 2, applications, "worker", uses={"charge": work})
    yield from _recorded(work, "charge", "mail")
    yield _event(Kind.PENDING, where=EDGE, works=[])


def _applied(work: str, effect: str, first: int, times: int, process: str, **data: object) -> Iterator[Event]:
    for n in range(first, first + times):
        told = {"key": work, "payload": work, "process": process, "epoch": n} | data
        yield _event(Kind.ATTEMPT, work, effect, n, **told)
        yield _event(Kind.APPLY, work, effect, n, key=work, attempt=n, process=process, payload_nonce=work)
        yield _event(Kind.ANSWERED, work, effect, n, first=True, status=200, nonce=work)


def _recorded(work: str, *steps: str) -> Iterator[Event]:
    yield _event(Kind.JOURNAL, where="payments", steps={work: list(steps)})
    yield _event(Kind.LOOK, held={EDGE: [work]}, rows={})


def _rows(works: list[str]) -> Event:
    return _event(Kind.ROWS, where="book", counts=dict.fromkeys(works, 1))


def _kill(work: str) -> str:
    return f"kill worker @recv charge {work}"


def _event(kind: Kind, work: str = "", where: str = "", n: int = 0, **data: object) -> Event:
    return Event(at_s=0.0, kind=kind, work=work, where=where, n=n, data=data)


def _declared(struck: list[str]) -> Expectation:
    calls = (
        ExpectedCall(caller="client", callee="orders", boundary="human"),
        ExpectedCall(caller="orders", callee="payments", awaits=False, boundary="inbox"),
    )
    late = Spread(cause="call", name="client->orders", nodes=("orders", "payments"))
    kills = (Spread(cause="fault", name=_kill(work), work=work, nodes=("payments",)) for work in struck)
    return Expectation(
        system="long",
        submit_node="orders",
        root="human",
        nodes=(
            ExpectedNode(name="orders", process="orders", boundary="human", routed=True, paths=2),
            ExpectedNode(name="payments", process="worker", boundary="inbox", work="log"),
        ),
        effects=(
            ExpectedEffect(name="reserve", node="orders", boundary="human"),
            ExpectedEffect(name="charge", node="payments", boundary="inbox"),
            ExpectedEffect(name="mail", node="payments", boundary="inbox"),
            ExpectedEffect(name="book", node="payments", boundary="inbox", sink="transactional", source="sql"),
        ),
        boundaries=(
            ExpectedBoundary(name="human", target="orders", owner="the person who clicks", placement="root"),
            ExpectedBoundary(
                name="inbox",
                target="payments",
                owner='inbox of "orders"',
                process="worker",
                placement="callee",
                nodes=("payments",),
                detect="death",
                attempts=5,
            ),
        ),
        edges=(ReadEdge(name=EDGE, boundary="inbox"),),
        calls=calls,
        spreads=(late, *kills),
        awaited=("reserve",),
        downstream=("reserve", "charge", "mail", "book"),
        faults=tuple(_kill(work) for work in struck),
        parking=(EDGE,),
        journals=("payments",),
        stores=("db",),
    )


if __name__ == "__main__":
    for measured in bench():
        times = f"{measured.seconds:7.3f} s   {measured.cpu_s:7.3f} s of processor"
        print(f"{measured.events:>9,} events   {times}   {measured.outcome}")
