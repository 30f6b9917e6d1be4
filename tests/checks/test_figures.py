"""What is measured of a case besides its verdict, on small histories with a clock of 10 ms an event."""

from __future__ import annotations

from harness.checks import Figures, figures_of
from harness.history import Kind
from tests.checks.fixtures import keyed_retry, settled, sold, survived_kill, unknown_then_ok
from tests.checks.story import Story, inbox, saga


def measured(story: Story) -> Figures:
    """The figures of a story in which something was submitted."""
    figures = figures_of(story.history)
    assert figures is not None
    return figures


def test_whoever_drives_work_again_is_named_with_the_place_of_its_trigger() -> None:
    """Killed before the effect: the worker's inbox delivers once more."""
    figures = measured(survived_kill())
    assert (figures.redriver, figures.holder) == ('inbox of "orders"', "worker")
    assert figures.invocations == {"payments": 2}
    assert figures.fault_s is not None
    assert figures.noticed_s is not None
    assert 0 < figures.fault_s < figures.noticed_s
    assert figures.ask == ('inbox of "orders", kept in worker',)


def test_a_client_that_sends_again_is_who_drove_it_again() -> None:
    """A repeat after the fault names whoever stands at the edge."""
    story = Story(inbox()).submit().tell(Kind.FAULT, "w1", "cut reply", state="about to").unknown()
    figures = measured(settled(story.submit().accepted().applies()))
    assert (figures.redriver, figures.tries, figures.outcome) == ("the human at the edge", 2, "ok")


def test_nothing_is_said_to_be_driven_again_without_a_fault() -> None:
    """Two submits without any fault are no recovery."""
    assert measured(unknown_then_ok()).redriver == ""


def test_partially_complete_lasts_from_the_first_effect_to_the_last_one_owed() -> None:
    """Charge, then ship: two events a step, so 20 ms between the two applications."""
    figures = measured(sold("charge", "ship"))
    assert figures.partial_s == 0.02
    [workflow] = figures.workflows
    assert (workflow.partial_s, workflow.completed) == (0.02, True)


def test_a_compensation_ends_the_partial_state_too() -> None:
    """Charge, refusal, refund: undone, and complete with that."""
    figures = measured(sold("charge", "refund", refused=True))
    assert figures.undone
    assert figures.partial_s == 0.04


def test_what_was_never_completed_has_no_end() -> None:
    """Refused and not refunded: still partly done when everything has come to rest."""
    figures = measured(settled(Story(saga()).submit().accepted().applies().refuses()))
    assert figures.completed_s is None
    assert figures.partial_s is None
    assert figures.workflows[0].partial_s is None


def test_replay_of_the_past_is_no_consequence_of_the_fault() -> None:
    """What is attempted after the drain is not counted."""
    before = measured(keyed_retry())
    after = measured(keyed_retry().replays().submit().accepted().attempts().quiet().ends())
    assert before == after


def test_a_request_to_a_dead_process_invokes_nothing() -> None:
    """The tap before it hears the call, and nobody is there."""
    story = Story(inbox()).submit().tell(Kind.DELIVER, "w1", "client->orders", 1, node="orders").killed("orders", "x")
    story.submit().tell(Kind.DELIVER, "w1", "client->orders", 2, node="orders").restarted("orders")
    figures = measured(settled(story.submit().tell(Kind.DELIVER, "w1", "client->orders", 3, node="orders").accepted()))
    assert figures.invocations == {"orders": 2}
    assert figures.requests == 3


def test_a_history_without_work_has_no_figures() -> None:
    """Nothing was submitted, so there is nothing to measure."""
    assert figures_of(settled(Story(inbox())).history) is None
