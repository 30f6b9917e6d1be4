"""The outcome of a case: what outweighs what, and what is never claimed."""

from __future__ import annotations

import pytest

from harness.checks import Expectation, ExpectedEffect, Verdict, judge
from harness.errors import HistoryError
from harness.history import History, Kind
from tests.checks.fixtures import done, lost, replayed, rows_done, settled, survived_kill, unknown_with
from tests.checks.story import Story, inbox, ledger

KILL = "kill worker @recv charge w1"


def test_a_survived_kill_holds() -> None:
    """The plan's fault landed, the work was done once: the case HOLDS and nothing is reported."""
    story = Story(inbox(faults=(KILL,))).submit().stored("w1").accepted().attempts().killed().dropped()
    verdict = judge(settled(story.restarted().applies().stored()).history)
    assert (verdict.outcome, verdict.violations, verdict.faults_missed) == (Verdict.HOLDS, (), ())


def test_a_fault_that_was_never_announced_makes_the_case_not_exercised() -> None:
    """A planned fault whose point was never reached is no pass."""
    verdict = judge(settled(done(inbox(faults=(KILL,)))).history)
    assert (verdict.outcome, verdict.faults_missed) == (Verdict.NOT_EXERCISED, (KILL,))
    assert KILL in verdict.why


def test_a_fault_that_was_announced_and_did_not_land_makes_the_case_not_exercised() -> None:
    """Trying to kill is not killing."""
    story = settled(done().tell(Kind.FAULT, where=KILL, state="about to"))
    assert judge(story.history).outcome is Verdict.NOT_EXERCISED


def test_the_same_fault_planned_twice_must_land_twice() -> None:
    """One landing proves one fault."""
    story = Story(inbox(faults=(KILL, KILL))).submit().accepted().attempts().killed().restarted().applies()
    assert judge(settled(story).history).faults_missed == (KILL,)


def test_a_safety_witness_is_not_hidden_by_a_fault_that_missed() -> None:
    """A duplicate is a duplicate, whatever else did not happen."""
    story = done(inbox(faults=(KILL,))).applies(key="other")
    assert judge(settled(story).history).outcome is Verdict.VIOLATED


def test_a_loss_does_not_count_where_the_fault_missed() -> None:
    """What needs time to pass is claimed only under the plan's faults; it is still told."""
    verdict = judge(settled(Story(inbox(faults=(KILL,))).submit().accepted()).history)
    assert verdict.outcome is Verdict.NOT_EXERCISED
    assert [violation.code for violation in verdict.violations] == ["RT101"]


def test_a_loss_counts_where_one_fault_landed_and_the_next_was_never_reached() -> None:
    """The first kill lost the work, so nothing ever came to where the second was to strike."""
    again = f"{KILL} #2"
    story = Story(inbox(faults=(KILL, again))).submit().accepted().attempts().killed().dropped().restarted()
    verdict = judge(settled(story).history)
    assert (verdict.outcome, verdict.faults_missed) == (Verdict.VIOLATED, (again,))


@pytest.mark.parametrize("state", ["slow", "unheard of"])
def test_slow_is_inconclusive_never_a_loss(state: str) -> None:
    """The budget is spent and the system still moves: nothing is said against it."""
    verdict = judge(lost().deadline(state, "w1").history)
    assert (verdict.outcome, verdict.violations) == (Verdict.INCONCLUSIVE, ())


def test_a_partly_done_unknown_work_that_still_moves_is_inconclusive() -> None:
    """All or nothing is judged at rest."""
    story = unknown_with("reserve")
    story.events = [event for event in story.events if event.kind is not Kind.QUIET]
    assert judge(story.deadline("slow", "w1").history).verdicts["P5"].verdict is Verdict.INCONCLUSIVE


def test_a_history_cut_off_before_the_end_is_inconclusive() -> None:
    """Without the end of the drain nobody knows what would have followed."""
    verdict = judge(Story(inbox()).submit().accepted().history)
    assert verdict.outcome is Verdict.INCONCLUSIVE
    assert verdict.verdicts["P15"].verdict is Verdict.NOT_EXERCISED


def test_rows_that_nobody_read_are_inconclusive() -> None:
    """An effect in a table is neither there nor missing until its rows were counted at rest."""
    verdict = judge(settled(Story(ledger()).submit().accepted()).history)
    assert verdict.verdicts["P1b"].verdict is Verdict.INCONCLUSIVE
    assert "rows of charge" in verdict.verdicts["P1b"].why


def test_rows_read_before_rest_prove_no_loss() -> None:
    """A count taken while work was going on is not the count at the end."""
    story = Story(ledger()).submit().accepted().rows(w1=0)
    assert judge(settled(story).history).violations == ()


def test_rows_read_at_rest_show_an_early_ok() -> None:
    """A row that is missing after an awaited ok was missing at the ok; one that is there proves nothing about it."""
    early = rows_expectation()
    assert [v.code for v in judge(settled(Story(early).submit().accepted()).rows(w1=0).history).violations] == ["RT103"]
    verdict = judge(settled(Story(early).submit().accepted()).rows(w1=1).history)
    assert verdict.verdicts["P1a"].verdict is Verdict.NOT_EXERCISED


def rows_expectation() -> Expectation:
    return ledger(awaited=("charge",))


def test_an_ok_after_the_deadline_is_not_held_to_it() -> None:
    """A work that was accepted only after the drain had ended cannot be late at its end."""
    story = settled(Story(inbox()).submit().unknown()).accepted().applies()
    assert judge(story.history).verdicts["P1b"].verdict is not Verdict.VIOLATED


def test_the_probe_after_a_failure_is_not_judged_by_the_drain_before_it() -> None:
    """One more work is submitted after the deadline to see what wakes the system up; only the first one is lost."""
    story = lost().deadline("stranded", "w1").submit("w2").accepted("w2").applies("w2")
    verdict = judge(story.deadline("stranded", after={"w1": "stuck_until_next_work"}).history)
    assert [(violation.work, violation.code) for violation in verdict.violations] == [("w1", "RT202")]


def test_rows_that_a_restart_brought_are_not_what_was_there_at_the_deadline() -> None:
    """What frees the work is tried after the verdict is decided; that it then completes does not mend the loss."""
    story = Story(ledger()).submit().stored("w1").accepted().heals().drains().deadline("undriven", "w1").rows(w1=0)
    story = story.submit("probe").accepted("probe").rows(w1=0, probe=1).killed().restarted().rows(w1=1, probe=1)
    verdict = judge(story.deadline("undriven", "w1", after={"w1": "stuck_until_restart"}).ends().history)
    assert [(violation.work, violation.code) for violation in verdict.violations] == [("w1", "RT203")]
    assert verdict.verdicts["P1b"].verdict is Verdict.VIOLATED


def test_an_effect_that_comes_only_with_the_replay_was_lost() -> None:
    """Somebody had to ask again: that the repeat did the work does not mend the loss."""
    story = lost().deadline("stranded", "w1").replays().submit().accepted().applies().quiet()
    assert [violation.code for violation in judge(story.history).violations] == ["RT101"]


def test_a_rejection_next_to_a_try_without_an_answer_is_unknown() -> None:
    """One of two tries was rejected, the other never answered: its effect is no phantom."""
    story = settled(Story(inbox()).submit().submit().rejected().applies())
    assert judge(story.history).outcome is Verdict.HOLDS


def test_a_rejection_is_not_undone_by_a_replay_that_is_accepted() -> None:
    """What took place while the client was told that it would not stays wrong."""
    story = settled(Story(inbox()).submit().rejected().applies()).replays().submit().accepted().quiet()
    assert "RT105" in {violation.code for violation in judge(story.history).violations}


def test_a_trigger_that_only_the_runner_saw_is_left_pending_too() -> None:
    """Undriven without a reader of the store: the works of the deadline stand for it."""
    story = Story(inbox(edges=())).submit().accepted().applies().heals().drains().deadline("undriven", "w1")
    assert [violation.code for violation in judge(story.history).violations] == ["RT206"]


def test_a_trigger_left_pending_and_what_it_leads_to_are_one_violation() -> None:
    """The pending boundary has no effect of its own; the one behind it that never came is the same fact."""
    declared = inbox().to_json()
    declared["boundaries"].append({"name": "outbox", "downstream": ["charge"]})
    declared["edges"] = [{"name": "orders->relay", "boundary": "outbox"}]
    story = Story(Expectation.from_json(declared)).submit().accepted().stored("w1", edge="orders->relay")
    verdict = judge(story.heals().drains().deadline("undriven", "w1").history)
    assert [violation.code for violation in verdict.violations] == ["RT204"]


def test_a_livelock_is_blamed_on_the_work_that_goes_in_circles() -> None:
    """A work that needed two attempts and was done long ago is not the one that never comes to rest."""
    story = done().attempts().submit("w2").accepted("w2").applies("w2").attempts("w2").attempts("w2")
    named = Story(inbox())
    named.events = list(story.events)
    for ending in (
        named.heals().drains().deadline("livelock", pending=["w2"]),
        story.heals().drains().deadline("livelock"),
    ):
        assert [violation.work for violation in judge(ending.history).violations] == ["w2"]


def test_a_repeat_that_is_answered_done_is_a_promise() -> None:
    """Mark before effect: the first try ends unknown and undone, the replay says ok, nothing ever happens."""
    story = settled(Story(inbox()).submit().unknown()).replays().submit().accepted().quiet()
    assert [violation.code for violation in judge(story.history).violations] == ["RT101"]


def test_a_replay_that_does_not_come_to_rest_is_inconclusive() -> None:
    """No new effect so far is not no new effect."""
    verdict = judge(replayed(settled(done())).accepted().deadline("slow").history)
    assert verdict.verdicts["P16"].verdict is Verdict.INCONCLUSIVE


def test_rows_that_were_not_read_after_the_replay_are_inconclusive() -> None:
    """P16 on a table needs a second count."""
    verdict = judge(replayed(rows_done()).accepted().quiet().history)
    assert verdict.verdicts["P16"].verdict is Verdict.INCONCLUSIVE


def test_a_tolerable_effect_may_take_place_often() -> None:
    """Declared tolerable, applied three times, and again in the replay: silent."""
    effect = ExpectedEffect(name="charge", node="payments", boundary="inbox", sink="plain", duplicates="tolerable")
    story = Story(inbox(effects=(effect,))).submit().accepted().applies().applies().applies()
    verdict = judge(settled(story).replays().submit().accepted().applies().quiet().history)
    assert (verdict.outcome, verdict.verdicts["P2"].verdict) == (Verdict.HOLDS, Verdict.NOT_EXERCISED)


def test_a_second_call_without_a_second_effect_is_silent() -> None:
    """Invocations are not effects: a redelivered message that the partner knows already is no violation."""
    assert judge(settled(done().attempts().attempts()).history).outcome is Verdict.HOLDS


def test_nothing_submitted_is_not_exercised() -> None:
    """An empty case shows nothing, however quiet it is."""
    verdict = judge(settled(Story(inbox())).history)
    assert verdict.outcome is Verdict.NOT_EXERCISED


def test_an_undeclared_effect_is_noted_and_not_judged() -> None:
    """A wrong declaration is somebody else's finding; here it is only said."""
    verdict = judge(settled(done().applies(effect="mail").applies(effect="mail")).history)
    assert verdict.outcome is Verdict.HOLDS
    assert "'mail'" in verdict.notes[0]


def test_owner_and_place_are_named() -> None:
    """A violation answers the three questions: where to look, who owned recovery, how far it spread."""
    story = Story(inbox()).submit().accepted().applies(key="1").killed(at="applied charge w1").restarted()
    (violation,) = judge(settled(story.applies(key="2")).history).violations
    assert violation.where_to_look == "worker"
    assert violation.owner == 'inbox of "orders"'
    assert violation.spread == "worker only"
    assert "key changes" in violation.likely


@pytest.mark.parametrize(
    ("story", "words"),
    [
        (settled(done().applies(key="")), "between attempts"),
        (settled(Story(inbox()).submit().accepted().applies(key="").applies(key="")), "carries no idempotency key"),
        (settled(done().applies()), "did not hold on to it"),
        (settled(Story(inbox()).submit().stored("w1").accepted().stored()), "discharged"),
        (lost().quiet(), "was the only one"),
        (settled(Story(inbox()).submit().accepted()), "no store ever knew"),
        (settled(Story(inbox(edges=())).submit().accepted()), "nothing re-drives it"),
        (Story(inbox()).submit().stored("w1").accepted().heals().drains().deadline("undriven"), "nothing drives it"),
    ],
)
def test_the_likely_cause_follows_the_evidence(story: Story, words: str) -> None:
    """Different traces suggest different causes."""
    assert words in judge(story.history).violations[0].likely


@pytest.mark.parametrize(
    "history",
    [History(), History(survived_kill().events[1:])],
    ids=["empty", "headless"],
)
def test_a_history_that_declares_nothing_cannot_be_judged(history: History) -> None:
    """Without a declaration there is nothing to hold against the system."""
    with pytest.raises(HistoryError, match="what was declared"):
        judge(history)


def test_a_declaration_with_a_hole_is_an_error_of_the_harness() -> None:
    """A name that leads nowhere is not judged around."""
    with pytest.raises(HistoryError, match="refund"):
        inbox(downstream=("refund",))
    with pytest.raises(HistoryError, match="first event"):
        Expectation.from_json({"effects": [{"node": "payments"}], "system": "x"})


def test_a_declaration_survives_json() -> None:
    """What was written into the first event is what is read from it, unknown keys left aside."""
    assert Expectation.from_json(inbox().to_json() | {"later": 1}) == inbox()
