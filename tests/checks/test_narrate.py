"""A witness, told: numbered lines that a stranger understands."""

from __future__ import annotations

import pytest

from harness.checks import judge, narrate
from harness.checks.witness import LONGEST_WITNESS
from harness.history import Kind
from tests.checks.fixtures import BAD, lost, settled
from tests.checks.story import Story, inbox, nobody

EVERY_BAD = [story for pairs in BAD.values() for _, story in pairs]


def told(story: Story) -> list[str]:
    """The first violation of a story, told, with runs of spaces made one."""
    history = story.history
    return [" ".join(line.split()) for line in narrate(history, judge(history).violations[0])]


def test_a_duplicate_is_told_step_by_step() -> None:
    """Submit, accept, effect, kill, restart, second effect."""
    story = Story(inbox()).submit("w7").accepted("w7").applies("w7", key="").killed(at="applied charge w7")
    assert told(settled(story.restarted().applies("w7", key=""))) == [
        '1 submit w7 -> 202 accepted responsibility is now with inbox of "orders"',
        "2 worker calls charge for w7 -> applied charge #1, no key",
        "3 KILL worker after the effect charge, before its caller saw the answer",
        "4 worker restarts",
        "5 worker calls charge for w7 -> applied charge #2, no key <- second time",
    ]


def test_a_loss_without_an_owner_is_told_step_by_step() -> None:
    """Accepted with nobody behind it, killed before the effect, nothing moves any more."""
    story = Story(nobody()).submit().accepted().attempts().killed().dropped().restarted()
    assert told(story.heals().drains().deadline("stranded", "w1")) == [
        "1 submit w1 -> 202 accepted and from here on nobody is responsible",
        "2 worker calls charge for w1 attempt 1, key w1",
        "3 KILL worker before the effect charge",
        "4 charge for w1 -> dropped its caller was gone: never applied",
        "5 worker restarts",
        "6 all faults are healed only what was killed is started again",
        "7 nothing moves, and no trigger is left -> charge: 0 times <- not done",
    ]


def test_a_lost_reply_is_told_as_what_it_does() -> None:
    """Where a cut was armed matters less than what it made of the call."""
    story = Story(inbox()).submit().applies(key="1")
    story.tell(Kind.FAULT, where="cut reply worker->world @recv charge w1", state="landed").accepted()
    lines = told(settled(story.applies(key="2")))
    assert lines[2] == "3 CUT reply worker->world charge goes through, its answer never arrives"


def test_healing_is_told_once_and_only_after_a_fault() -> None:
    """The replay heals as well; that is no news."""
    story = settled(Story(inbox()).submit().accepted().applies(key="1").killed().restarted()).replays().heals()
    lines = told(story.submit().accepted().applies(key="2").quiet())
    assert sum("healed" in line for line in lines) == 1
    quiet = settled(Story(inbox()).submit().accepted().applies(key="1")).replays().submit().accepted().applies(key="2")
    assert not any("healed" in line for line in told(quiet))


def test_an_answer_that_comes_after_other_steps_stands_on_its_own_line() -> None:
    """The order of the lines is the order of the events."""
    story = Story(inbox()).submit().applies(key="1").unknown().submit().applies(key="2")
    assert told(settled(story)) == [
        "1 submit w1 a person waits for the answer",
        "2 worker calls charge for w1 -> applied charge #1, key 1",
        "3 answer to w1 -> unknown connection reset: done or not, the client cannot tell",
        "4 submit w1 again a person waits for the answer",
        "5 worker calls charge for w1 -> applied charge #2, key 2 <- second time",
    ]


@pytest.mark.parametrize("story", EVERY_BAD)
def test_every_witness_has_a_line_per_event_in_order(story: Story) -> None:
    """Lines and events correspond, so that a report can link each line to the history."""
    for violation in judge(story.history).violations:
        assert len(narrate(story.history, violation)) == len(violation.witness)
        assert list(violation.witness) == sorted(set(violation.witness))


@pytest.mark.parametrize("story", EVERY_BAD)
def test_every_last_line_says_what_is_wrong(story: Story) -> None:
    """The reader's eye finds the step that decides."""
    for violation in judge(story.history).violations:
        lines = narrate(story.history, violation)
        assert ["<-" in line for line in lines] == [False] * (len(lines) - 1) + [True]


def test_a_long_story_is_cut_in_the_middle() -> None:
    """A livelock of a thousand attempts fits on a screen, with its beginning and its end."""
    story = lost()
    for _ in range(1000):
        story.attempts()
    story.deadline("livelock", "w1")
    (violation,) = judge(story.history).violations
    assert len(violation.witness) == LONGEST_WITNESS
    assert violation.witness[-1] == len(story.events) - 1
    assert "attempt 1001" in narrate(story.history, violation)[-2]
