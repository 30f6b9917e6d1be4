"""The bench measures real lives; that they are quick is not asserted, because machines differ."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.targets.bench import measure
from tests.targets.conftest import SERVICES

pytestmark = pytest.mark.anyio


async def test_the_bench_measures_lives(tmp_path: Path) -> None:
    """A few of them, and nothing is left."""
    figures = await measure(tmp_path / "universe", "counting:app", (SERVICES,), "/count", runs=3)
    assert figures.runs == 3
    assert figures.kill_s > 0
    assert figures.fork_to_answer_s > 0
    assert not (tmp_path / "universe").exists()
