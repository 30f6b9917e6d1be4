"""The human at the edge, told by a plan to be less patient than he should: what is sent, proven, and said of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import patterns
from harness.checks import Verdict
from harness.history import Kind
from harness.runner.system import open_system
from tests.runner.rehearsal import Rehearsal, fault_states, of_work, proof, rehearsing
from tests.runner.systems import INBOX

CHAIN = Path(patterns.__file__).parent / "upstream_sync"
LANDS = ["about to", "landed", "healed"]


@pytest.fixture(scope="module")
def inbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rehearsal]:
    """A service with an inbox, opened once."""
    with rehearsing(INBOX.open(tmp_path_factory.mktemp("inbox"))) as rehearsal:
        yield rehearsal


@pytest.fixture(scope="module")
def chain() -> Iterator[Rehearsal]:
    """Three services that wait for each other, and one human behind them."""
    with rehearsing(open_system(CHAIN)) as rehearsal:
        yield rehearsal


def test_a_double_click_is_two_requests_under_one_key_and_one_order(inbox: Rehearsal) -> None:
    """Both are delivered; the key makes them one order, and each gets its answer."""
    words = "click twice @submit w1"
    judged = inbox.run(words)
    history = judged.run.history
    assert judged.outcome is Verdict.HOLDS
    assert fault_states(history, words) == LANDS
    replay = next(event.at_s for event in history.of(Kind.PHASE) if event.where == "replay")
    for kind in (Kind.SUBMIT, Kind.DELIVER, Kind.ANSWER):
        assert len([event for event in of_work(history, kind) if event.at_s < replay]) == 2
    assert len(of_work(history, Kind.APPLY)) == 1


def test_a_new_key_for_the_second_click_is_two_orders_and_the_human_is_to_blame(inbox: Rehearsal) -> None:
    """His first click was done and its answer lost; to everybody else the second one is new work."""
    judged = inbox.run("cut reply client->orders @deliver orders w1", "new key @submit w1 #2")
    assert judged.outcome is Verdict.VIOLATED
    [twice] = [violation for violation in judged.verdict.violations if violation.effect == "charge"]
    assert (twice.code, twice.where_to_look) == ("RT102", "client")
    assert "second click carried a new key" in twice.likely
    keys = {event.data["key"] for event in of_work(judged.run.history, Kind.APPLY)}
    assert len(keys) == 2


def test_who_gives_up_hangs_up_and_clicks_no_more(chain: Rehearsal) -> None:
    """His chain is left to itself. That it is done all the same is luck and no violation; who owned it is said."""
    words = "give up @deliver payments w1"
    judged = chain.run(words)
    history = judged.run.history
    assert judged.outcome is Verdict.HOLDS
    assert "does not submit w1 again" in proof(history, words)
    [left] = of_work(history, Kind.GIVE_UP)
    drained = history.of(Kind.QUIET)[0]
    assert [e.at_s < left.at_s for e in of_work(history, Kind.SUBMIT) if e.at_s < drained.at_s] == [True]
    [note] = judged.verdict.notes
    assert "nobody owned orders, payments, ledger" in note
    assert note.endswith("all of it was done")


def test_work_of_a_human_who_gave_up_stays_half_done_and_it_is_nobodys(chain: Rehearsal) -> None:
    """A kill that his next click would have repaired: P5 sees the half, and nobody is asked to have driven it."""
    judged = chain.run("give up @recv charge w1", "kill payments @recv charge w1")
    [partly] = judged.verdict.violations
    assert (partly.code, partly.where_to_look) == ("RT106", "client")
    assert partly.owner.startswith("nobody")
    assert judged.verdict.notes[0].endswith("a part of it was done")


def test_who_has_his_answer_has_nothing_to_give_up(inbox: Rehearsal) -> None:
    """His first answer is a 202: a plan that comes too late is not exercised, and never a pass."""
    words = "give up @answer w1"
    judged = inbox.run(words)
    assert judged.outcome is Verdict.NOT_EXERCISED
    assert fault_states(judged.run.history, words) == ["about to", "missed"]
