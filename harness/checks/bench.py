"""How long judging takes, by size of the history. Measured, never asserted: machines differ.

python -m harness.checks.bench          sizes up to 1,000,000 events
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from harness.checks.expectation import Expectation, ExpectedBoundary, ExpectedEffect, ExpectedNode, ReadEdge
from harness.checks.judge import judge
from harness.history import Event, History, Kind

__all__ = ["Measurement", "bench", "long_history"]

EVENTS_PER_WORK = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """events: size of the history. seconds: judging it once, reading from disk left out. outcome: what was judged."""

    events: int
    seconds: float
    outcome: str


def bench(sizes: Sequence[int] = (100_000, 300_000, 1_000_000)) -> list[Measurement]:
    """Judges one history of about each size, all of whose works are done once, and says how long each took."""
    return [_measure(long_history(size)) for size in sizes]


def long_history(events: int, *, applications: int = 1) -> History:
    """A history of about so many events; every work is accepted, survives a lost answer, and takes effect.

    applications: how often each effect takes place; 2 makes every work a violation.
    """
    works = [f"w{number}" for number in range(max(1, events // EVENTS_PER_WORK))]
    history = History()
    history.events.extend(_numbered(_events(works, applications)))
    return history


def _measure(history: History) -> Measurement:
    start_s = time.perf_counter()
    verdict = judge(history)
    seconds = time.perf_counter() - start_s
    return Measurement(events=len(history), seconds=round(seconds, 3), outcome=verdict.outcome.value)


def _numbered(events: Iterator[Event]) -> Iterator[Event]:
    for number, event in enumerate(events):
        yield Event(at_s=number / 1000, kind=event.kind, work=event.work, where=event.where, n=event.n, data=event.data)


def _events(works: list[str], applications: int) -> Iterator[Event]:
    yield _event(Kind.SYSTEM, **_declared().to_json())
    yield _event(Kind.PHASE, where="load")
    for work in works:
        yield from _load(work, applications)
    for phase in ("heal", "drain"):
        yield _event(Kind.PHASE, where=phase)
    yield _event(Kind.QUIET)
    yield _event(Kind.PHASE, where="replay")
    for work in works:
        yield _event(Kind.SUBMIT, work, n=3, nonce=work)
        yield _event(Kind.ANSWER, work, n=3, outcome="ok", status=202)
    yield _event(Kind.QUIET)
    yield _event(Kind.PHASE, where="end")


def _load(work: str, applications: int) -> Iterator[Event]:
    for n, outcome in ((1, "unknown"), (2, "ok")):
        yield _event(Kind.SUBMIT, work, n=n, nonce=work)
        yield _event(Kind.DELIVER, work, "client->orders", n, node="orders")
        yield _event(Kind.REPLY, work, "client->orders", n, node="orders", status=202)
        yield _event(Kind.ANSWER, work, n=n, outcome=outcome, status=202 if outcome == "ok" else None)
    yield _event(Kind.PENDING, where="orders->payments", works=[work])
    for n in range(1, applications + 1):
        yield _event(Kind.ATTEMPT, work, "charge", n, key=work, process="worker")
        yield _event(Kind.APPLY, work, "charge", n, key=work, attempt=n, process="worker", payload_nonce=work)
        yield _event(Kind.ANSWERED, work, "charge", n, first=True, status=200)
    yield _event(Kind.PENDING, where="orders->payments", works=[])
    yield _event(Kind.PROCESS, where="worker", state="killed", pid=1)


def _event(kind: Kind, work: str = "", where: str = "", n: int = 0, **data: object) -> Event:
    return Event(at_s=0.0, kind=kind, work=work, where=where, n=n, data=data)


def _declared() -> Expectation:
    return Expectation(
        system="long",
        submit_node="orders",
        nodes=(
            ExpectedNode(name="orders", process="orders"),
            ExpectedNode(name="payments", process="worker", boundary="inbox"),
        ),
        effects=(ExpectedEffect(name="charge", node="payments", boundary="inbox"),),
        boundaries=(ExpectedBoundary(name="inbox", target="payments", owner='inbox of "orders"', process="worker"),),
        edges=(ReadEdge(name="orders->payments", boundary="inbox"),),
        downstream=("charge",),
    )


if __name__ == "__main__":
    for measured in bench():
        print(f"{measured.events:>9,} events   {measured.seconds:7.3f} s   {measured.outcome}")
