"""What the kit is for: services with one line wrong are caught by a single fault, and those that are right hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.checks import Verdict, judge
from harness.history import Kind, read_jsonl
from harness.plans.gaps import single
from harness.runner.case import PATIENT
from tests.runner.broken import BROKEN, CLAIM_FOR_EVER, CORRECT, MARK_BEFORE_EFFECT, RECOVERY_AT_START
from tests.runner.rehearsal import of_work, rehearsing
from tests.runner.systems import Source


def hasty(source: Source) -> Source:
    """The same system behind a client with little patience, which makes every liveness budget shorter."""
    return source.changed("retrigger.toml", ("timeout_s = 0.5", "timeout_s = 0.05"))


@pytest.mark.parametrize("name", CORRECT)
def test_correct_service_holds_under_every_single_fault(tmp_path: Path, name: str) -> None:
    """No false alarm and no error in the whole sweep, and no fault that does not land."""
    with rehearsing(CORRECT[name].open(tmp_path)) as rehearsal:
        plans = single(rehearsal.system.manifest)
        judged = {str(plan): rehearsal.run(*map(str, plan.faults)) for plan in plans}
    assert {
        words: each.error or each.verdict.why for words, each in judged.items() if each.outcome is not Verdict.HOLDS
    } == {}
    assert all(each.landed == (words,) for words, each in judged.items())


@pytest.mark.parametrize("name", BROKEN)
def test_broken_service_is_caught_by_the_property_that_it_breaks(tmp_path: Path, name: str) -> None:
    """One fault of the sweep is enough, the first violation names the property; without faults no harm is done."""
    source, prop, code, words = BROKEN[name]
    with rehearsing(source.open(tmp_path)) as rehearsal:
        assert words in [str(plan) for plan in single(rehearsal.system.manifest)]
        assert {violation.property for violation in rehearsal.run().verdict.violations} <= {"P19"}
        judged = rehearsal.run(words)
    assert judged.outcome is Verdict.VIOLATED, judged.error or judged.verdict.why
    first = judged.verdict.violations[0]
    assert (first.property, first.code) == (prop, code)
    assert judged.landed == (words,)


def test_saved_history_is_judged_alike_elsewhere(tmp_path: Path) -> None:
    """A verdict rests on the history alone: the file gives the same one."""
    source, _, _, words = BROKEN["key-per-attempt"]
    with rehearsing(source.open(tmp_path)) as rehearsal:
        judged = rehearsal.run(words)
    (tmp_path / "h.jsonl").write_text(judged.run.history.to_jsonl(), encoding="utf-8")
    again = judge(read_jsonl(tmp_path / "h.jsonl"))
    assert again.to_json() == judged.verdict.to_json()


def test_service_that_forgets_is_stranded(tmp_path: Path) -> None:
    """No trigger is left, nothing is in flight, the work is not done: a stable state, found within the budget."""
    with rehearsing(MARK_BEFORE_EFFECT.open(tmp_path)) as rehearsal:
        judged = rehearsal.run("kill worker @recv charge w1")
    [deadline] = judged.run.history.of(Kind.DEADLINE)
    assert (deadline.data["state"], deadline.data["works"], deadline.data["pending"]) == ("stranded", ["w1"], [])
    assert judged.run.history.of(Kind.QUIET) == []
    assert judged.run.seconds["drain"] < deadline.data["budget_s"]


def test_row_that_nobody_drives_is_undriven(tmp_path: Path) -> None:
    """The store still holds the trigger and no attempt comes: not more work and not a restart frees it."""
    with rehearsing(hasty(CLAIM_FOR_EVER).open(tmp_path)) as rehearsal:
        judged = rehearsal.run("kill worker @recv charge w1")
    decided, probed = judged.run.history.of(Kind.DEADLINE)
    assert (decided.data["state"], decided.data["works"], decided.data["pending"]) == ("undriven", ["w1"], ["w1"])
    assert probed.data["after"] == {"w1": "lost"}
    assert [violation.code for violation in judged.verdict.violations] == ["RT204"]


def test_row_that_only_a_restart_frees_is_told_so(tmp_path: Path) -> None:
    """Recovery that runs at start-up alone: the work is stuck while the worker lives."""
    with rehearsing(hasty(RECOVERY_AT_START).open(tmp_path)) as rehearsal:
        assert rehearsal.run("kill worker @recv charge w1").outcome is Verdict.HOLDS
        judged = rehearsal.run("cut request worker->world @recv charge w1")
    assert judged.run.history.of(Kind.DEADLINE)[-1].data["after"]["w1"] == "stuck_until_restart"
    assert {violation.code for violation in judged.verdict.violations} == {"RT203"}
    assert len(of_work(judged.run.history, Kind.APPLY)) == 1


def blind(source: Source) -> Source:
    """The same system without a reader of its pending work, and behind a client with little patience."""
    reader = source.files["retrigger.toml"].partition("[[pending]]")
    return hasty(source.changed("retrigger.toml", (reader[1] + reader[2], "")))


def test_work_that_no_store_shows_is_lost_when_later_work_overtakes_it(tmp_path: Path) -> None:
    """Long after the declared time, one more piece of work is done, a restart does not help: no reader is needed."""
    with rehearsing(blind(MARK_BEFORE_EFFECT).open(tmp_path)) as rehearsal:
        judged = rehearsal.run("kill worker @recv charge w1")
    decided, probed = judged.run.history.of(Kind.DEADLINE)
    assert (decided.data["state"], probed.data["after"]) == ("overdue", {"w1": "lost"})
    [violation] = judged.verdict.violations
    assert (violation.code, violation.effect) == ("RT101", "charge")
    assert "declare" in violation.likely


def test_work_that_is_only_late_and_unseen_is_not_held_against_a_service(tmp_path: Path) -> None:
    """What comes late, but comes, may be the machine's fault; without a reader it is asked again with more patience."""
    undeclared = blind(RECOVERY_AT_START).changed("retrigger.toml", ("max_detect_s = 0.1, ", ""))
    with rehearsing(undeclared.open(tmp_path)) as rehearsal:
        judged = rehearsal.run("cut request worker->world @recv charge w1")
        assert judged.outcome is Verdict.INCONCLUSIVE
        judged = rehearsal.run("cut request worker->world @recv charge w1", patience=PATIENT)
    assert {violation.code for violation in judged.verdict.violations} == {"RT203"}
