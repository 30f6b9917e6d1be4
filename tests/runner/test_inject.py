"""Faults in action on a system of two processes: each lands with its proof, does what its words say, and is healed."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import patterns
from harness.checks import Verdict
from harness.history import Event, History, Kind
from harness.runner.system import open_system
from tests.runner.rehearsal import Rehearsal, fault_states, of_work, proof, rehearsing
from tests.runner.systems import INBOX

LANDS = ["about to", "landed", "healed"]


@pytest.fixture(scope="module")
def inbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rehearsal]:
    """The two processes, opened once."""
    with rehearsing(INBOX.open(tmp_path_factory.mktemp("inbox"))) as rehearsal:
        yield rehearsal


def hold(rehearsal: Rehearsal, *words: str) -> History:
    """Runs a plan whose faults must land and heal and which a correct system survives; returns its history."""
    judged = rehearsal.run(*words)
    assert (judged.outcome, judged.error, judged.verdict.why) == (Verdict.HOLDS, "", "")
    assert judged.landed == tuple(sorted(words, key=judged.landed.index))
    history = judged.run.history
    for each in words:
        assert sorted(fault_states(history, each)) == sorted(LANDS)
    asyncio.run(clean(rehearsal))
    return history


async def clean(rehearsal: Rehearsal) -> None:
    """No toxic and no disabled proxy is left."""
    universe, _ = rehearsal.stage._ready[rehearsal.system.name]
    await universe.workshop.network.assert_clean()


def process_states(history: History, name: str) -> list[str]:
    """What happened to a process, in order."""
    return [event.data["state"] for event in history.of(Kind.PROCESS) if event.where == name]


def answers(history: History, work: str = "w1") -> list[tuple[str, str]]:
    """Outcome and detail of what the client received until the first quiet."""
    end = history.of(Kind.QUIET)[0].at_s
    return [(e.data["outcome"], e.data["detail"]) for e in of_work(history, Kind.ANSWER, work) if e.at_s < end]


def test_kill_is_a_sigkill_and_a_new_life(inbox: Rehearsal) -> None:
    """The process dies by SIGKILL, its held call is dropped, it is started again, and nobody else is touched."""
    words = "kill worker @recv charge w1"
    history = hold(inbox, words)
    pid = of_process(history, "worker")[0].data["pid"]
    assert proof(history, words) == f"pid {pid} ended by SIGKILL"
    assert process_states(history, "worker") == ["started", "ready", "killed", "started", "ready"]
    assert process_states(history, "orders") == ["started", "ready"]
    assert len(of_work(history, Kind.DROP)) == 1
    assert [event.data["attempt"] for event in of_work(history, Kind.APPLY)] == [2]


def of_process(history: History, name: str) -> list[Event]:
    """The events of a process."""
    return [event for event in history.of(Kind.PROCESS) if event.where == name]


def test_kill_after_the_effect_leaves_it_done(inbox: Rehearsal) -> None:
    """Between the effect and its record: attempted twice under one key, applied once."""
    history = hold(inbox, "kill worker @applied charge w1")
    assert [event.n for event in of_work(history, Kind.ATTEMPT)] == [1, 2]
    assert [event.data["attempt"] for event in of_work(history, Kind.APPLY)] == [1]


def test_late_kill_leaves_a_call_that_takes_effect(inbox: Rehearsal) -> None:
    """`late`: the request of the dead is applied, and its repeat finds it."""
    history = hold(inbox, "kill worker @recv charge w1 late")
    assert of_work(history, Kind.DROP) == []
    assert [event.data["attempt"] for event in of_work(history, Kind.APPLY)] == [1]


def test_kill_at_the_second_arrival(inbox: Rehearsal) -> None:
    """`#2` needs a first one that failed; the fault before it makes one."""
    history = hold(inbox, "cut reply worker->world @recv charge w1", "kill worker @recv charge w1 #2")
    assert [event.n for event in of_work(history, Kind.ATTEMPT)] == [1, 2, 3]


def test_kill_of_a_process_that_has_just_become_ready(inbox: Rehearsal) -> None:
    """`@ready` strikes before the first piece of work."""
    history = hold(inbox, "kill orders @ready orders")
    killed = next(event for event in history.of(Kind.PROCESS) if event.data["state"] == "killed")
    assert killed.at_s < history.of(Kind.SUBMIT)[0].at_s


def test_kill_when_all_is_quiet_is_followed_by_the_replay(inbox: Rehearsal) -> None:
    """`@quiet` strikes after everything is done, before everything is submitted again."""
    history = hold(inbox, "kill orders @quiet")
    killed = next(event for event in history.of(Kind.PROCESS) if event.data["state"] == "killed")
    replay = next(event for event in history.of(Kind.PHASE) if event.where == "replay")
    assert history.of(Kind.QUIET)[0].at_s <= killed.at_s <= replay.at_s


def test_terminate_asks_and_the_held_call_goes_on(inbox: Rehearsal) -> None:
    """SIGTERM, as at a deployment; the service ends in its own way and is started again."""
    words = "terminate orders @reply orders w1"
    history = hold(inbox, words)
    assert re.fullmatch(r"SIGTERM sent to pid \d+: (SIGTERM|exit status 0)", proof(history, words))
    assert process_states(history, "orders") == ["started", "ready", "killed", "started", "ready"]


def test_terminated_while_its_call_is_held_it_has_not_made_it(inbox: Rehearsal) -> None:
    """Nobody is left who made the call by the time at which it would go on; only the next attempt applies."""
    terminated = "terminate worker @recv charge w1"
    history = hold(inbox, terminated, "hold worker->world @recv charge w1 until detect")
    assert [event.n for event in of_work(history, Kind.DROP)] == [1]
    assert [event.data["attempt"] for event in of_work(history, Kind.APPLY)] == [2]


def test_partner_fails_for_a_while_and_then_no_more(inbox: Rehearsal) -> None:
    """It answers 500 to this work only; whoever tries again is heard in the end. It is no poison: nothing stays."""
    history = hold(inbox, "poison worker->world @recv charge w1 until detect")
    statuses = [event.data["status"] for event in of_work(history, Kind.ANSWERED)]
    assert statuses[0] == 500
    assert 200 in statuses
    assert {event.data["status"] for event in of_work(history, Kind.ANSWERED, "w2")} == {200}


def test_pause_holds_the_process_for_its_time(inbox: Rehearsal) -> None:
    """SIGSTOP, the declared time, SIGCONT: the same life goes on, and finds the answer that came meanwhile."""
    words = "pause worker @recv charge w1 until detect+0.1"
    history = hold(inbox, words)
    assert process_states(history, "worker") == ["started", "ready", "paused", "resumed"]
    landed, healed = (next(e.at_s for e in history.of(Kind.FAULT) if e.data["state"] == s) for s in LANDS[1:])
    assert healed - landed >= inbox.system.until_s("detect") + 0.1
    assert [landed <= event.at_s < healed for event in of_work(history, Kind.APPLY)] == [True]
    assert len(of_work(history, Kind.ATTEMPT)) == 1


def test_replace_brings_a_new_identity(inbox: Rehearsal) -> None:
    """A scheduler moves it: same data, another name."""
    history = hold(inbox, "replace worker @applied charge w1")
    started = [e.data["identity"] for e in history.of(Kind.PROCESS) if e.where == "worker" and "identity" in e.data]
    assert started == ["worker-1", "worker-2"]


def test_cut_request_is_never_delivered(inbox: Rehearsal) -> None:
    """The caller sees the connection end, the callee sees nothing."""
    words = "cut request client->orders @deliver orders w1"
    history = hold(inbox, words)
    assert "was not delivered" in proof(history, words)
    assert answers(history) == [("unknown", "connection closed without an answer"), ("ok", "")]
    assert [event.n for event in of_work(history, Kind.DROP)] == [1]
    assert next(event.n for event in of_work(history, Kind.REPLY)) == 2


def test_cut_request_of_an_effect_is_never_applied(inbox: Rehearsal) -> None:
    """The same on the way to the world: attempted, dropped, attempted again, applied once."""
    history = hold(inbox, "cut request worker->world @recv charge w1")
    assert [event.data["attempt"] for event in of_work(history, Kind.APPLY)] == [2]


def test_cut_reply_is_executed_and_not_heard(inbox: Rehearsal) -> None:
    """The callee has answered 202, the caller sees the connection end; the proxy counted the bytes it took away."""
    words = "cut reply client->orders @deliver orders w1"
    history = hold(inbox, words)
    assert re.fullmatch(r"\d+ bytes of the reply entered the proxy, 0 left it", proof(history, words))
    assert answers(history) == [("unknown", "connection closed without an answer"), ("ok", "")]
    assert next(event.data["status"] for event in of_work(history, Kind.REPLY)) == 202


def test_blackholed_reply_is_silence_until_the_callers_limit(inbox: Rehearsal) -> None:
    """The callee has answered; the caller gives up by itself."""
    words = "blackhole reply client->orders @deliver orders w1"
    history = hold(inbox, words)
    assert "left it" in proof(history, words)
    assert answers(history) == [("unknown", "no answer within 0.5 s"), ("ok", "")]


@pytest.mark.parametrize("verb", ["blackhole request", "reset reply", "cut reply"])
def test_obstructed_link_hits_whoever_comes_next(inbox: Rehearsal, verb: str) -> None:
    """A link fault on another link than the held request's strikes the traffic of a declared time."""
    words = f"{verb} worker->world @deliver orders w1 until detect"
    history = hold(inbox, words)
    told = re.search(r"(\d+) bytes of the (?:request|reply) entered the proxy, (\d+) left it", proof(history, words))
    assert told is not None
    assert int(told[1]) > int(told[2])  # what passed after the declared time may be counted as well


def test_refused_link_refuses(inbox: Rehearsal) -> None:
    """Live connections are cut and new ones refused, until the declared time is over."""
    words = "refuse client->orders @deliver orders w1 until detect"
    history = hold(inbox, words)
    assert "was refused" in proof(history, words)
    assert "connection refused" in [detail for _, detail in answers(history)]


def test_dup_delivers_twice_at_once(inbox: Rehearsal) -> None:
    """One submit, two invocations, one effect."""
    history = hold(inbox, "dup client->orders @deliver orders w1")
    end = history.of(Kind.QUIET)[0].at_s
    assert [event.n for event in of_work(history, Kind.DELIVER) if event.at_s < end] == [1, 2]
    assert len([event for event in of_work(history, Kind.SUBMIT) if event.at_s < end]) == 1


def test_held_request_is_executed_after_the_caller_gave_up(inbox: Rehearsal) -> None:
    """Longer than the caller waits: he tries again, and the late one is a stray execution."""
    history = hold(inbox, "hold client->orders @deliver orders w1 until timeout+0.1")
    assert answers(history)[0] == ("unknown", "no answer within 0.5 s")
    first = next(event.at_s for event in of_work(history, Kind.REPLY) if event.n == 1)
    assert first > of_work(history, Kind.ANSWER)[0].at_s


@pytest.mark.parametrize(
    "words",
    [
        "kill worker @recv charge w1 #7",
        "cut reply worker->world @quiet",
        "kill worker/child @recv charge w1",
        "blackhole request client->orders @applied charge w2",
    ],
)
def test_fault_that_hits_nobody_is_not_exercised(inbox: Rehearsal, words: str) -> None:
    """A point that is never reached, a link on which nothing was said, a child that there is not: never a pass."""
    judged = inbox.run(words)
    assert (judged.outcome, judged.error) == (Verdict.NOT_EXERCISED, "")
    assert words in judged.verdict.why
    assert judged.landed == ()
    assert "landed" not in fault_states(judged.run.history, words)


def test_two_kills_of_one_process_are_two_deaths_or_a_miss(inbox: Rehearsal) -> None:
    """Faults that meet on one process, while it dies or starts, are never an error of the harness."""
    for words in (
        ("kill orders @deliver orders w1", "kill orders @deliver orders w2"),
        ("terminate orders @reply orders w1", "kill orders @deliver orders w2"),
        ("kill worker @recv charge w1", "terminate worker @recv charge w1"),
        ("pause orders @deliver orders w1 until detect", "kill orders @deliver orders w2"),
    ):
        judged = inbox.run(*words)
        assert judged.error == ""
        assert judged.outcome in (Verdict.HOLDS, Verdict.NOT_EXERCISED)
        for each in words:
            assert fault_states(judged.run.history, each) in (
                [],
                LANDS,
                ["about to", "missed"],
                ["about to", "missed", "healed"],
            )


def test_faults_that_meet_on_one_link_do_not_end_each_other(inbox: Rehearsal) -> None:
    """The same obstruction asked for twice is there until the last of the two ends."""
    long, short = (
        f"blackhole request worker->world @{name} orders w1 until {until}"
        for name, until in (("deliver", "detect+0.3"), ("reply", "detect"))
    )
    history = hold(inbox, long, short)
    ends = {e.where: e.at_s for e in history.of(Kind.FAULT) if e.data["state"] == "healed"}
    assert ends[long] > ends[short]
    assert of_work(history, Kind.ATTEMPT)[0].at_s > ends[short] + 0.1


def test_works_after_the_first_meet_the_damage(inbox: Rehearsal) -> None:
    """w2 is submitted as soon as w1's fault has struck, and not when everything is healed."""
    history = hold(inbox, "kill orders @reply orders w1")
    struck, healed = (next(e.at_s for e in history.of(Kind.FAULT) if e.data["state"] == s) for s in LANDS[1:])
    assert struck <= of_work(history, Kind.SUBMIT, "w2")[0].at_s < healed


def test_broker_is_killed_and_keeps_what_it_has_confirmed() -> None:
    """A resource dies and comes back like a process; the case after it finds it running and empty."""
    with rehearsing(open_system(Path(patterns.__file__).parent / "caller_queue")) as rehearsal:
        history = hold(rehearsal, "kill broker @recv charge w1")
        assert process_states(history, "broker") == ["killed", "started", "ready"]
        assert rehearsal.run().outcome is Verdict.HOLDS
