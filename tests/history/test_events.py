"""A history goes to JSON lines and back without loss, and says where a file is something else."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import HistoryError
from harness.history import Event, History, Kind, read_jsonl

PLAIN = st.one_of(st.none(), st.booleans(), st.integers(-1000, 1000), st.text(max_size=8))
EVENTS = st.builds(
    Event,
    at_s=st.integers(0, 10**9).map(lambda micros: micros / 1_000_000),
    kind=st.sampled_from(Kind),
    work=st.text(max_size=6),
    where=st.text(max_size=12),
    n=st.integers(0, 99),
    data=st.dictionaries(st.text(max_size=6), st.one_of(PLAIN, st.lists(PLAIN, max_size=3)), max_size=3),
)


@given(EVENTS)
def test_event_reads_back_from_its_line(event: Event) -> None:
    """One line of JSON carries all of an event, line breaks and quotes in its texts included."""
    line = event.to_json()
    assert "\n" not in line
    assert Event.from_json(line) == event


@given(st.lists(EVENTS, max_size=6))
def test_history_reads_back_from_its_file(tmp_path_factory: pytest.TempPathFactory, events: list[Event]) -> None:
    """A saved history can be judged elsewhere: it holds the same events in the same order."""
    ordered = sorted(events, key=lambda event: event.at_s)
    path = tmp_path_factory.mktemp("history") / "h.jsonl"
    path.write_text(History(ordered).to_jsonl(), encoding="utf-8")
    assert list(read_jsonl(path)) == ordered


def test_clock_is_monotonic_and_begins_with_the_case() -> None:
    """Times are seconds since the start, on the clock that was given."""
    now = iter([100.0, 100.5, 102.0])
    history = History(clock=lambda: next(now))
    history.record(Kind.PHASE, where="start")
    history.record(Kind.SUBMIT, work="w1", where="client->orders", n=1, nonce="a")
    assert [event.at_s for event in history] == [0.5, 2.0]
    assert history.of(Kind.SUBMIT)[0].data == {"nonce": "a"}


def test_listeners_hear_each_event_once_it_is_written() -> None:
    """Whoever reacts to an event finds it in the history."""
    history, heard = History(), list[int]()
    history.listen(lambda _: heard.append(len(history)))
    history.record(Kind.PHASE, where="start")
    history.record(Kind.PHASE, where="end")
    assert heard == [1, 2]


@pytest.mark.parametrize(
    "line",
    ["nonsense", "{}", '{"t": 1}', '{"t": 1, "kind": "lunch"}', "[1, 2]", '"text"', "7", ""],
)
def test_line_that_is_no_event_is_named(tmp_path: Path, line: str) -> None:
    """The error says which line of which file."""
    path = tmp_path / "h.jsonl"
    path.write_text('{"t":0,"kind":"phase","where":"start"}\n' + line + "\n")
    with pytest.raises(HistoryError, match=r"h\.jsonl:2: not an event"):
        read_jsonl(path)


def test_clock_that_runs_backwards_is_an_error(tmp_path: Path) -> None:
    """Order is evidence; a file in another order is none."""
    path = tmp_path / "h.jsonl"
    path.write_text('{"t":2,"kind":"phase"}\n{"t":1,"kind":"phase"}\n')
    with pytest.raises(HistoryError, match="backwards"):
        read_jsonl(path)
