"""Judging takes work in proportion to the history. Counted in lines of Python run, which no busy machine changes.

What runs within one line (`work in works`) is counted as well: the keys of works count how often they are compared.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from types import FrameType
from typing import Any

import pytest

from harness.checks import Verdict, judge
from harness.checks.bench import EVENTS_PER_WORK, bench, long_history
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


class Key(str):
    """A key of a piece of work that counts comparisons."""

    __slots__ = ()
    compared = 0

    def __eq__(self, other: object) -> bool:
        Key.compared += 1
        return str.__eq__(self, other)

    __hash__ = str.__hash__


def keyed(value: Any) -> Any:
    """The same, with every text in it a key that counts."""
    if isinstance(value, str):
        return Key(value)
    if isinstance(value, dict):
        return {keyed(name): keyed(each) for name, each in value.items()}
    return [keyed(each) for each in value] if isinstance(value, list) else value


def with_counting_keys(history: History) -> History:
    """The works of a history, and all lists of works in it, made of keys that count."""
    first, *others = history.events
    return History([first, *(replace(event, work=Key(event.work), data=keyed(event.data)) for event in others)])


def steps_of_judging(history: History) -> int:
    """Lines run, and keys compared."""
    counting, before = with_counting_keys(history), Key.compared
    lines = lines_run(lambda: judge(counting))
    return lines + Key.compared - before


def many_done(works: int) -> History:
    return long_history(works * EVENTS_PER_WORK)


def many_twice(works: int) -> History:
    return long_history(works * EVENTS_PER_WORK, applications=2)


def many_held_up(works: int) -> History:
    """Accepted one after the other, in a store at every look, and done all together in the end."""
    story, keys = Story(inbox()), [f"w{number}" for number in range(works)]
    for number, key in enumerate(keys, start=1):
        story.submit(key).accepted(key)
        if number % (works // 4) == 0:
            story.looks(*keys[:number]).looks(*keys[:number])
    for key in keys:
        story.applies(key)
    return story.heals().drains().quiet().history


def many_unowned_at_looks(works: int) -> History:
    """None of them is in a store when it is looked for, and a look is taken again and again."""
    story = Story(inbox())
    for number in range(works):
        story.submit(f"w{number}").accepted(f"w{number}").looks().looks()
    return story.heals().drains().deadline("undriven").history


def one_under_many_claims(works: int) -> History:
    story = Story(inbox()).submit().accepted()
    for epoch in range(1, works):
        story.attempts(epoch=epoch)
    for _ in range(works):
        story.takes_effect()
    return story.heals().drains().quiet().history


def one_logged_under_many_claims(works: int) -> History:
    """Each attempt is answered, in the log or not, and its worker stood still in between."""
    story = Story(inbox(journals=("payments",))).submit().accepted()
    for epoch in range(1, works):
        story.attempts(epoch=epoch).tell(Kind.PROCESS, where="worker", state="paused", pid=7)
        story.tell(Kind.ANSWERED, "w1", "charge", epoch, first=True, status=200)
        story.tell(Kind.PROCESS, where="worker", state="resumed", pid=7)
    return story.heals().drains().quiet().history


def one_passed_around(works: int) -> History:
    """Attempts by two processes in turn, one of which is paused again and again."""
    story = Story(inbox()).submit().accepted()
    for _ in range(works):
        story.attempts(by="worker").tell(Kind.PROCESS, where="worker", state="paused", pid=7).applies(by="other")
    return story.heals().drains().quiet().history


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
    [
        many_done,
        many_twice,
        many_undriven,
        many_held_up,
        many_unowned_at_looks,
        one_under_many_claims,
        one_logged_under_many_claims,
        one_passed_around,
        one_rejected_often_applied,
        many_faults,
    ],
    ids=lambda make: make.__name__,
)
def test_work_grows_in_proportion_to_the_history(make: Callable[[int], History]) -> None:
    """Four times the history takes about four times the steps, holding or not."""
    small, large = make(100), make(400)
    ratio = steps_of_judging(large) / steps_of_judging(small)
    assert ratio < 1.25 * len(large) / len(small)


@pytest.mark.slow
def test_bench_judges_a_large_history_and_says_how_long_it_took() -> None:
    """The bench gives a verdict and a time; how much time is for a person to judge."""
    small, large = bench((20_000, 100_000))
    assert (small.outcome, large.outcome) == ("HOLDS", "HOLDS")
    assert large.events >= 4.9 * small.events
    assert large.seconds > 0


def test_the_long_history_puts_nearly_every_property_to_the_test() -> None:
    """What is measured and counted above is the work of the checks, not of leaving a history alone."""
    found = judge(many_done(120)).verdicts.values()
    idle = {each.property for each in found if each.verdict is not Verdict.HOLDS}
    assert idle == {"P5", "P11", "P13"}, "they need work of unknown end, work not begun, and poison"


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
