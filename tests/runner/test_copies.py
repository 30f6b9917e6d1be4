"""A process with copies: all of them run, and a fault means the one that stands at its point."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.checks import Verdict
from harness.history import Kind
from tests.runner.rehearsal import rehearsing
from tests.runner.swaps import pattern

WORKER = 'worker:main"'
TWO = pattern("callee_inbox").changed("retrigger.toml", (WORKER, f"{WORKER}\ncopies = 2"))  # they claim under a lease
FAULT = "kill worker @recv charge w1"


@pytest.mark.parametrize("_", range(3))
def test_a_fault_strikes_the_copy_that_stands_at_the_point(_: int, tmp_path: Path) -> None:
    """Which of two workers takes w1 is chance: its call is dropped each time, so it was the one that died."""
    with rehearsing(TWO.open(tmp_path)) as rehearsal:
        judged = rehearsal.run(FAULT)
    history = judged.run.history
    started = {event.where for event in history.of(Kind.PROCESS) if event.data["state"] == "started"}
    assert {"worker", "worker~2"} <= started
    assert judged.outcome is Verdict.HOLDS
    assert judged.landed == (FAULT,)
    assert [event.work for event in history.of(Kind.DROP)] == ["w1"]
