"""Sentences for faults: what they mean, and what is said where they mean nothing."""

from __future__ import annotations

import pytest

from harness.boundaries import What, describe, read_fault
from harness.errors import UsageError
from tests.boundaries.figures import ask, derived, figure, graph_from

ORDERS = """
[submit]
node = "orders"
root = "human"
[[node]]
name = "orders"
process = "orders"
[[node]]
name = "payments"
process = "worker"
effects = [{ name = "charge" }]
[[edge]]
from = "orders"
to = "payments"
awaits = false
trigger = { placement = "callee", kind = "inbox" }
"""


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("crash B after D", "crash B after -> D"),
        ("crash B after D", "crash  B  after ->D"),
        ("crash B after D", "kill B after D returned"),
        ("crash B before w", "crash B before anything"),
        ("crash B", "crash B anywhere"),
        ("lose reply A->B", "lose response A -> B"),
    ],
)
def test_a_fault_can_be_said_in_several_ways(one: str, other: str) -> None:
    """Arrows, spaces and small words do not change what a sentence means."""
    boundaries = derived("fig4")
    assert read_fault(one, boundaries).faults == read_fault(other, boundaries).faults


def test_w_stands_for_the_only_effect() -> None:
    """Where a node has one effect, `w` is its name; where it has none, its own work before it calls."""
    boundaries = describe(graph_from(ORDERS)).boundaries
    assert (
        read_fault("crash payments after w", boundaries).faults
        == read_fault("crash payments after charge", boundaries).faults
    )
    assert [fault.phase.complete for fault in read_fault("crash orders after w", boundaries).faults] == [0]


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("", ["crash NODE", "lose request|reply FROM->TO"]),
        ("explode B", ["explode B", "crash NODE"]),
        ("crash G", ["'G'", "A, B, D, C, E, F"]),
        ("crash B after F", ["B has no step 'F'", "w, -> D"]),
        ("crash B before -> w", ["B has no step 'w'"]),
        ("crash", ["crash NODE"]),
        ("crash B sometimes", ["before|during|after"]),
        ("lose reply B->F", ["no edge B->F", "did you mean", "C->E"]),
        ("crash process x", ["'x'", "A, B, C, D, E, F"]),
        ("crash store disk", ["'disk'", "human"]),
    ],
)
def test_a_fault_that_means_nothing_names_what_was_expected(fault: str, words: list[str]) -> None:
    """The error lists the nodes, steps, edges or forms there are, and what came instead."""
    with pytest.raises(UsageError) as caught:
        describe(figure("fig4"), fault)
    for word in words:
        assert word in str(caught.value)


def test_a_misspelt_node_is_guessed() -> None:
    """The nearest name is offered."""
    with pytest.raises(UsageError, match="did you mean payments"):
        describe(graph_from(ORDERS), "crash payment")


def test_losing_a_request_runs_the_caller_again_but_not_the_callee() -> None:
    """The callee never saw it, so its invocation in the second run is its first."""
    assert ask("fig4", "lose request C->F").prediction.must == {"A": 1, "B": 1, "D": 1, "C": 1, "E": 1}  # type: ignore[union-attr]


def test_losing_a_reply_runs_the_callee_again_as_well() -> None:
    """The caller cannot tell it from a lost request."""
    assert ask("fig4", "lose reply B->D").prediction.must == {"A": 1, "B": 1, "D": 1}  # type: ignore[union-attr]


@pytest.mark.parametrize("who", ["client", "human"])
def test_a_human_who_missed_the_answer_clicks_again(who: str) -> None:
    """The whole boundary is executed again, and completed inboxes answer from their record."""
    assert set(ask("fig4", f"lose reply {who}->A").prediction.must) == set("ABCDEF")  # type: ignore[union-attr]
    assert ask("fig4", f"lose reply {who}->A", "inbox").prediction.must == {"A": 1}  # type: ignore[union-attr]
    assert ask("fig4", f"lose reply {who}->A").prediction.owner == "human:A"  # type: ignore[union-attr]


def test_a_head_with_an_inbox_is_invoked_again_and_takes_no_step() -> None:
    """The work arrives once more and is recognised: one invocation, no attempt, nobody behind it."""
    crash = ask("fig5", "lose reply B->D", "inbox").prediction
    assert crash is not None
    assert crash.must["D"] == 1
    assert not [effect for effect in crash.attempts if effect[0] == "D"]


def test_a_client_that_nobody_stands_behind_does_not_ask_again() -> None:
    """A lost request is then work that never starts; a lost reply changes nothing."""
    assert ask("fig3", "lose request client->A").prediction.stranded  # type: ignore[union-attr]
    assert not ask("fig3", "lose reply client->A").prediction.stranded  # type: ignore[union-attr]


def test_a_human_before_an_inbox_clicks_again_until_he_sees_the_ack() -> None:
    """The inbox owns the work, but until the ack is seen the human asks again."""
    text = """
[submit]
node = "B"
root = "human"
trigger = { placement = "callee", kind = "inbox" }
[[node]]
name = "B"
process = "p"
"""
    lost_request = describe(graph_from(text), "lose request client->B").prediction
    lost_reply = describe(graph_from(text), "lose reply client->B").prediction
    assert lost_request is not None
    assert lost_reply is not None
    assert (lost_request.stranded, lost_request.must) == (False, {})
    assert (lost_reply.stranded, lost_reply.must) == (False, {"B": 1})


def test_a_restarted_store_may_re_drive_but_need_not() -> None:
    """It may have held nothing, so even the only trigger in it is no certain repetition."""
    prediction = ask("fig2_callee", "crash store inbox").prediction
    assert prediction is not None
    assert (prediction.must, prediction.may) == ({}, {"callee": 1})


def test_a_process_kill_takes_retrying_callers_with_it() -> None:
    """Two nodes of one process die together, so an in-situ retry between them saves nothing."""
    graph = graph_from(
        """
[submit]
node = "A"
[[node]]
name = "A"
process = "p"
[[node]]
name = "B"
process = "p"
[[edge]]
from = "A"
to = "B"
awaits = true
retries = 3
"""
    )
    assert not describe(graph, "crash B").prediction.stranded  # type: ignore[union-attr]
    assert describe(graph, "crash process p").prediction.always_stranded  # type: ignore[union-attr]


def test_a_process_kill_adds_up_what_runs_side_by_side() -> None:
    """B and the queued D share a process here: both may be in flight, so both may run again, and neither must."""
    graph = graph_from(
        """
[submit]
node = "B"
root = "human"
[[node]]
name = "B"
process = "p"
[[node]]
name = "D"
process = "p"
[[edge]]
from = "B"
to = "D"
awaits = false
trigger = { placement = "caller", kind = "queue" }
"""
    )
    prediction = describe(graph, "crash process p").prediction
    assert prediction is not None
    assert prediction.must == {}
    assert prediction.may == {"B": 1, "D": 2}


def test_a_paused_frame_may_repeat_what_its_successor_does() -> None:
    """After a pause both frames hand off, so the head of the next boundary may see one more than after a crash."""
    assert ask("fig5", "crash B before D").prediction.may == {}  # type: ignore[union-attr]
    assert ask("fig5", "pause B before D").prediction.may == {"D": 1}  # type: ignore[union-attr]


def test_patience_that_outlasts_recovery_keeps_the_caller_out_of_it() -> None:
    """A human further up clicks again only if the nested boundary takes longer to recover than he waits."""
    slow = """
[submit]
node = "API"
root = "human"
patience_s = {patience}
[[node]]
name = "API"
process = "api"
[[node]]
name = "Fx"
process = "fx"
[[edge]]
from = "API"
to = "Fx"
awaits = true
trigger = {{ placement = "engine", kind = "engine", max_detect_s = 5.0 }}
"""
    patient = describe(graph_from(slow.format(patience=9.0)), "crash Fx").prediction
    hasty = describe(graph_from(slow.format(patience=1.0)), "crash Fx").prediction
    assert patient is not None
    assert hasty is not None
    assert (patient.must, patient.may) == ({"Fx": 1}, {})
    assert (hasty.must, hasty.may) == ({"Fx": 1}, {"API": 1})


def test_a_node_on_two_paths_is_asked_about_on_both() -> None:
    """The node's name means either instance, the full name means one."""
    diamond = """
[submit]
node = "A"
root = "human"
""" + "".join(f'[[node]]\nname = "{name}"\nprocess = "{name}"\n' for name in "ABCD")
    for src, dst in ("AB", "AC", "BD", "CD"):
        diamond += f'[[edge]]\nfrom = "{src}"\nto = "{dst}"\nawaits = true\n'
    boundaries = describe(graph_from(diamond)).boundaries
    assert {fault.at for fault in read_fault("crash D", boundaries).faults} == {"D@A/B", "D@A/C"}
    assert {fault.at for fault in read_fault("crash D@A/C", boundaries).faults} == {"D@A/C"}
    assert read_fault("lose reply C->D", boundaries).faults[0].what is What.REPLY_LOST
