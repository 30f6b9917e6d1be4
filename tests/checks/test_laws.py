"""What must be true of judging whatever the history: drawn stories instead of written ones."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import hypothesis.strategies as st
from hypothesis import given, settings

from harness.checks import Verdict, judge, narrate
from harness.history import Event, History, Kind, read_jsonl
from tests.checks.story import Story, inbox

QUICK = settings(max_examples=60, deadline=None)
WORKS = ("w1", "w2", "w3")


@st.composite
def holding(draw: st.DrawFn) -> Story:
    """A correct system: every work is tried until it is accepted, and takes effect once, whatever got lost."""
    story = Story(inbox())
    for work in WORKS[: draw(st.integers(1, 3))]:
        for _ in range(draw(st.integers(0, 2))):
            story.submit(work).unknown(work)
        story.submit(work).stored(work).accepted(work)
        for _ in range(draw(st.integers(0, 2))):
            story.attempts(work).killed(at=f"recv charge {work}").dropped(work).restarted()
        story.applies(work)
        for _ in range(draw(st.integers(0, 2))):
            story.killed(at=f"applied charge {work}").restarted().attempts(work)
        story.stored()
    story.heals().drains().quiet()
    return replayed(story) if draw(st.booleans()) else story.ends()


def replayed(story: Story) -> Story:
    submitted = list(dict.fromkeys(event.work for event in story.events if event.kind is Kind.SUBMIT))
    story.replays()
    for work in submitted:
        story.submit(work).accepted(work)
    return story.quiet().ends()


@st.composite
def any_history(draw: st.DrawFn) -> History:
    """Anything at all that begins with a declaration and keeps the phases in order."""
    story, steps = Story(inbox()), st.lists(st.sampled_from(STEPS), max_size=12)
    for begin in (None, "heal", "drain", "replay", "end"):
        if begin and draw(st.booleans()):
            story.phase(begin)
        for step in draw(steps):
            getattr(story, step)(*([draw(st.sampled_from(WORKS))] if step in OF_WORK else []))
    return story.history


OF_WORK = ("submit", "accepted", "rejected", "unknown", "attempts", "applies", "takes_effect", "dropped", "stored")
STEPS = (*OF_WORK, "killed", "restarted", "quiet", "rows")


@given(holding())
@QUICK
def test_a_correct_system_holds(story: Story) -> None:
    """Retries, kills and lost answers are no violations as long as each effect takes place once."""
    verdict = judge(story.history)
    assert (verdict.outcome, verdict.violations) == (Verdict.HOLDS, ())


@given(any_history())
@QUICK
def test_judging_is_deterministic(history: History) -> None:
    """The same history gives the same verdict, and judging changes nothing in it."""
    before = history.to_jsonl()
    assert judge(history) == judge(history)
    assert history.to_jsonl() == before


@given(any_history())
@QUICK
def test_a_saved_history_gives_the_same_verdict(history: History) -> None:
    """Written to disk, read elsewhere: same verdict, same witness, same words."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "history.jsonl"
        path.write_text(history.to_jsonl(), encoding="utf-8")
        again = read_jsonl(path)
    verdict = judge(history)
    assert judge(again) == verdict
    assert [narrate(again, v) for v in verdict.violations] == [narrate(history, v) for v in verdict.violations]


@given(any_history())
@QUICK
def test_every_witness_stands_in_the_history(history: History) -> None:
    """Every place of a witness exists, and a violated case has one."""
    verdict = judge(history)
    assert all(0 <= place < len(history) for v in verdict.violations for place in v.witness)
    assert all(violation.witness for violation in verdict.violations)
    assert verdict.outcome is not Verdict.VIOLATED or verdict.violations


@given(holding(), st.data())
@QUICK
def test_taking_an_application_away_breaks_no_loss(story: Story, data: st.DataObject) -> None:
    """What was promised and did not happen is seen, whichever work it is."""
    place, event = data.draw(st.sampled_from(applications(story)))
    del story.events[place]
    verdict = judge(story.history)
    assert verdict.verdicts["P1b"].verdict is Verdict.VIOLATED
    assert {violation.work for violation in verdict.violations} == {event.work}


@given(holding(), st.data())
@QUICK
def test_doubling_an_application_breaks_at_most_once(story: Story, data: st.DataObject) -> None:
    """What happened twice is seen, whenever the second time was."""
    place, event = data.draw(st.sampled_from(applications(story)))
    later = data.draw(st.integers(place + 1, len(story.events)))
    story.events.insert(later, replace(event, n=2, at_s=story.events[later - 1].at_s))
    verdict = judge(story.history)
    assert verdict.verdicts["P2"].verdict is Verdict.VIOLATED
    assert {violation.work for violation in verdict.violations} == {event.work}


@given(st.integers(1, 4), st.integers(0, 2), st.data())
@QUICK
def test_unknown_allows_nothing_or_once_never_twice(tries: int, effects: int, data: st.DataObject) -> None:
    """An answer that was never heard is neither a failure nor a success."""
    story = Story(inbox())
    when = sorted(data.draw(st.lists(st.integers(1, tries), min_size=effects, max_size=effects)))
    for n in range(1, tries + 1):
        story.submit()
        for _ in range(when.count(n)):
            story.applies(key=f"try {n}")
        story.unknown()
    outcome = judge(story.heals().drains().quiet().history).outcome
    assert outcome is (Verdict.VIOLATED if effects == 2 else Verdict.HOLDS)


@given(any_history(), any_history())
@QUICK
def test_more_history_never_mends_a_duplicate(history: History, more: History) -> None:
    """What happened twice has happened twice, whatever comes later."""
    twice = History(Story(inbox()).submit().applies().applies().events + history.events[1:])
    assert judge(twice).verdicts["P2"].verdict is Verdict.VIOLATED
    assert judge(History(twice.events + more.events[1:])).verdicts["P2"].violations


def applications(story: Story) -> list[tuple[int, Event]]:
    return [(place, event) for place, event in enumerate(story.events) if event.kind is Kind.APPLY]
