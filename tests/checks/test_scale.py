"""Judging takes work in proportion to the history. Counted in lines of Python run, which no busy machine changes."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest

from harness.checks import judge
from harness.checks.bench import bench, long_history
from harness.history import Event, History, Kind
from tests.checks.story import Story, inbox


def lines_run(action: Callable[[], object]) -> int:
    """How many lines of Python an action runs."""
    count = 0

    def trace(frame: FrameType, event: str, arg: Any) -> Any:
        nonlocal count
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        action()
    finally:
        sys.settrace(before)
    return count


def many_done(works: int) -> History:
    return long_history(works * 16)


def many_twice(works: int) -> History:
    return long_history(works * 16, applications=2)


def many_undriven(works: int) -> History:
    """All accepted, all still in one store at the end."""
    story, keys = Story(inbox()), [f"w{number}" for number in range(works)]
    for key in keys:
        story.submit(key).accepted(key).attempts(key)
    return story.stored(*keys).heals().drains().deadline("undriven", *keys).history


def one_rejected_often_applied(works: int) -> History:
    story = Story(inbox()).submit().rejected()
    for _ in range(works):
        story.applies()
    return story.heals().drains().quiet().history


def many_faults(works: int) -> History:
    story = Story(inbox())
    for number in range(works):
        story.submit(f"w{number}").accepted(f"w{number}").killed().restarted()
    return story.heals().drains().deadline("livelock").history


@pytest.mark.parametrize(
    "make",
    [many_done, many_twice, many_undriven, one_rejected_often_applied, many_faults],
    ids=lambda make: make.__name__,
)
def test_work_grows_in_proportion_to_the_history(make: Callable[[int], History]) -> None:
    """Four times the history takes about four times the steps, holding or not."""
    small, large = make(60), make(240)
    ratio = lines_run(lambda: judge(large)) / lines_run(lambda: judge(small))
    assert ratio < 1.25 * len(large) / len(small)


@pytest.mark.slow
def test_bench_judges_a_large_history_and_says_how_long_it_took() -> None:
    """The bench gives a verdict and a time; how much time is for a person to judge."""
    small, large = bench((20_000, 200_000))
    assert (small.outcome, large.outcome) == ("HOLDS", "HOLDS")
    assert large.events >= 10 * small.events - 100
    assert large.seconds > 0


def test_every_event_is_read_once() -> None:
    """The index is built in a single pass over the history."""
    history = CountingHistory(many_done(50).events)
    judge(history)
    assert history.passes == 1


class CountingHistory(History):
    """A history that counts how often somebody goes through all of it."""

    def __init__(self, events: list[Event]) -> None:
        super().__init__()
        self.passes = 0
        outer = self

        class Counted(list[Event]):
            def __iter__(self) -> Any:
                outer.passes += 1
                return super().__iter__()

        self.events = Counted(events)
        assert self.events[0].kind is Kind.SYSTEM
