"""Kills at the n-th call of the kernel: proven by strace, survived by the correct, deadly for what answers early."""

from __future__ import annotations

import asyncio
import shutil
import sys
from asyncio.subprocess import PIPE
from collections.abc import Iterator
from pathlib import Path

import pytest

import patterns
from harness.checks import Verdict
from harness.errors import FaultError, SetupError
from harness.history import Kind
from harness.plans.model import SYSCALLS
from harness.plans.sweep import CALLS_EACH, sweep, undivided
from harness.runner.system import open_system
from harness.targets.trace import Trace, require_strace
from tests.runner.rehearsal import Rehearsal, fault_states, proof, rehearsing
from tests.runner.systems import INBOX

PATTERNS = Path(patterns.__path__[0])
needs_strace = pytest.mark.skipif(shutil.which("strace") is None, reason="no strace here")
STORED = 'db.execute("insert or ignore into inbox (id, nonce) values (?, ?)", (order["id"], order["nonce"]))'
EARLY = INBOX.changed("orders.py", (STORED, "pass"), ("await answer(send, 202)", f"await answer(send, 202); {STORED}"))


@pytest.fixture(scope="module")
def inbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rehearsal]:
    """The correct system, opened once."""
    with rehearsing(INBOX.open(tmp_path_factory.mktemp("inbox"))) as rehearsal:
        yield rehearsal


def test_each_process_is_killed_at_each_of_its_first_calls(tmp_path: Path) -> None:
    """The first call of everything comes first, so that a budget cuts off what is least likely to come."""
    plans = sweep(INBOX.open(tmp_path).manifest)
    assert len(plans) == len(set(plans)) == 2 * len(SYSCALLS) * CALLS_EACH
    assert str(plans[0]) == "kill orders @syscall write"
    assert str(plans[-1]) == f"kill worker @syscall sendto #{CALLS_EACH}"


@needs_strace
def test_a_kill_at_a_call_is_proven_by_strace_and_survived(inbox: Rehearsal) -> None:
    """The row is not written, so nobody was promised anything; the process comes back, and the human clicks again."""
    words = "kill orders @syscall pwrite64"
    judged = inbox.run(words)
    assert (judged.outcome, judged.error) == (Verdict.HOLDS, "")
    history = judged.run.history
    assert fault_states(history, words) == ["about to", "landed", "healed"]
    assert "strace saw call 1 of pwrite64 begin, and the process end by SIGKILL" in proof(history, words)
    states = [event.data["state"] for event in history.of(Kind.PROCESS) if event.where == "orders"]
    assert states == ["started", "ready", "killed", "started", "ready"]


@needs_strace
def test_a_call_that_does_not_come_is_not_exercised_and_hurts_nobody(inbox: Rehearsal) -> None:
    """It is given up when all is quiet, and the process lives on."""
    words = "kill worker @syscall fsync #6"
    judged = inbox.run(words)
    assert judged.outcome is Verdict.NOT_EXERCISED
    assert fault_states(judged.run.history, words) == ["about to", "missed"]
    states = [event.data["state"] for event in judged.run.history.of(Kind.PROCESS) if event.where == "worker"]
    assert states == ["started", "ready"]


@needs_strace
def test_an_answer_before_the_write_is_found_between_the_two(tmp_path: Path) -> None:
    """There is no rendezvous between the answer and the row, and none is needed."""
    with rehearsing(EARLY.open(tmp_path)) as early:
        judged = early.run("kill orders @syscall pwrite64")
    assert judged.outcome is Verdict.VIOLATED
    assert judged.verdict.verdicts["P1b"].verdict is Verdict.VIOLATED


@needs_strace
def test_strace_that_may_not_attach_is_an_error_that_quotes_it() -> None:
    """Here because there is no such process; where it is forbidden, the kernel's words stand there instead."""
    with pytest.raises(FaultError, match="No such process"):
        asyncio.run(Trace.attach(2**22 + 1, "fsync", 1))


def test_absence_of_strace_is_told_before_anything_is_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With what to install."""
    sleep = shutil.which("sleep") or "sleep"
    (tmp_path / "sleep").symlink_to(sleep)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SetupError, match="install strace"):
        asyncio.run(require_strace())


@needs_strace
def test_calls_that_do_the_same_are_one(tmp_path: Path) -> None:
    """A process that moves files dies at its second move, by whatever name its language calls the kernel."""
    (tmp_path / "a").touch()
    code = "import os; print(flush=True); input(); os.rename('a', 'b'); os.rename('b', 'c')"

    async def killed() -> str:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", code, stdin=PIPE, stdout=PIPE, cwd=tmp_path
        )
        assert process.stdout is not None
        await process.stdout.readline()
        trace = await Trace.attach(process.pid, "rename", 2)
        await process.communicate(b"\n")
        try:
            return await trace.proof()
        finally:
            await trace.end()

    assert "call 2 of rename" in asyncio.run(killed())
    assert (tmp_path / "b").exists()


def test_a_node_without_points_is_swept_and_others_are_not() -> None:
    """Orders stores an order and a message; payments calls the world, and a chain is held at its callees."""
    assert undivided(open_system(PATTERNS / "caller_queue").manifest) == ["orders", "relay"]
    assert undivided(open_system(PATTERNS / "upstream_sync").manifest) == []
