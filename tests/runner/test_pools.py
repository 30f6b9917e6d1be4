"""A worker that works in children, as job queues do, with early acknowledgement, no dedupe, and no reader."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from harness.checks import Verdict
from harness.history import Kind
from harness.plans.gaps import single
from tests.runner.rehearsal import Rehearsal, of_work, proof, rehearsing
from tests.runner.systems import POOL


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rehearsal]:
    """The pool as it stands."""
    with rehearsing(POOL.open(tmp_path_factory.mktemp("pool"))) as rehearsal:
        yield rehearsal


def test_a_process_that_forks_has_plans_for_its_child_and_its_parent(pool: Rehearsal) -> None:
    """Around its own effects, and nowhere else."""
    words = [str(plan) for plan in single(pool.system.manifest) if "/" in str(plan)]
    assert words == [
        f"kill worker/{part} @{point} charge w1" for point in ("recv", "applied") for part in ("child", "parent")
    ]


def test_the_child_that_is_killed_is_the_one_that_makes_the_held_call(pool: Rehearsal) -> None:
    """Of two children one has the work; its call ends, and the work is lost, later than its trigger promises."""
    words = "kill worker/child @recv charge w1"
    judged = pool.run(words)
    assert "the child that makes the held call" in proof(judged.run.history, words)
    assert of_work(judged.run.history, Kind.APPLY) == []
    assert judged.run.history.of(Kind.DEADLINE)[0].data["state"] == "overdue"
    assert [(each.code, each.work) for each in judged.verdict.violations] == [("RT101", "w1")]


def test_an_orphan_finishes_the_work_of_its_killed_parent(pool: Rehearsal) -> None:
    """Its call is no call of the dead: it is applied, and answered."""
    judged = pool.run("kill worker/parent @recv charge w1")
    assert judged.outcome is Verdict.HOLDS
    assert len(of_work(judged.run.history, Kind.ANSWERED)) == 1


def test_where_nobody_repeats_and_no_repeat_is_recognised_none_is_sent(pool: Rehearsal) -> None:
    """A queue without dedupe is not blamed in every case for what nobody does to it."""
    judged = pool.run("kill orders @reply orders w1")
    assert judged.outcome is Verdict.HOLDS
    assert judged.verdict.verdicts["P16"].verdict is Verdict.NOT_EXERCISED
    assert len(of_work(judged.run.history, Kind.SUBMIT)) == 1


def test_a_person_who_repeats_finds_that_no_repeat_is_recognised(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The same system behind somebody who sends again is blamed for it."""
    human = POOL.changed("retrigger.toml", ("timeout_s = 0.5", 'timeout_s = 0.5\nroot = "human"'))
    with rehearsing(human.open(tmp_path_factory.mktemp("human"))) as rehearsal:
        judged = rehearsal.run()
    assert {violation.code for violation in judged.verdict.violations} == {"RT107"}


def test_without_declared_times_later_than_promised_says_nothing(pool: Rehearsal) -> None:
    """Nobody has said how long it may take."""
    manifest = pool.system.manifest
    trigger = manifest.edge[0].trigger
    assert trigger is not None
    silent = trigger.model_copy()
    silent.__pydantic_fields_set__.discard("max_detect_s")
    edge = manifest.edge[0].model_copy(update={"trigger": silent})
    system = type(pool.system)(manifest=manifest.model_copy(update={"edge": [edge]}), derived=pool.system.derived)
    assert pool.system.times_declared
    assert not system.times_declared
