"""How long a run will take is said before it begins: the declared waits are in it, and it grows with the plans."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.conformance.campaign import Campaign
from harness.conformance.estimate import Estimate, estimate, wait_s
from harness.plans.model import parse_fault
from harness.runner.system import System, open_system
from tests.runner.systems import POOL

LEASE = ("max_detect_s = 0.1", 'detect = "lease", lease_s = 60.0')


@pytest.fixture
def slow(tmp_path: Path) -> System:
    """A queue that redelivers after a minute, as declared."""
    return POOL.changed("retrigger.toml", LEASE).open(tmp_path)


def foreseen(folder: Path, workers: int, **options: object) -> Estimate:
    campaign = Campaign(manifests=(str(folder),), **options)  # type: ignore[arg-type]
    systems = campaign.systems()
    return estimate(systems, campaign.chunks(systems), workers)


def test_a_kill_of_the_worker_waits_for_the_declared_redelivery(slow: System) -> None:
    """Who holds the work is killed: a minute. Who has handed it over is killed: nothing to wait for."""
    assert wait_s(slow, parse_fault("kill worker @recv charge w1")) == 60.0
    assert wait_s(slow, parse_fault("kill worker/child @applied charge w1")) == 60.0
    assert wait_s(slow, parse_fault("kill orders @recv charge w1")) == 0.0
    assert wait_s(slow, parse_fault("pause worker @recv charge w1 until lease+5")) == 65.0


def test_the_plans_that_wait_for_long_are_named_with_their_share(slow: System) -> None:
    """Before the run: how many they are, what they wait for at most, and how long that takes."""
    said = foreseen(slow.manifest.path.parent, 2, faults=("kill worker @recv charge w1",))
    assert (said.plans, said.long) == (1, 1)
    assert 60.0 < said.long_s <= said.seconds
    assert "1 of them waits up to 60 s" in str(said)


def test_more_workers_take_less_and_no_less_than_the_longest_plan(slow: System) -> None:
    """Two share the work; a hundred still wait for the minute of one case."""
    folder = slow.manifest.path.parent
    one, two, hundred = (foreseen(folder, workers).seconds for workers in (1, 2, 100))
    assert one > two > hundred > 60.0


def test_random_plans_are_foreseen_before_they_are_drawn(slow: System) -> None:
    """Each takes about what the plans take that it is drawn from."""
    folder = slow.manifest.path.parent
    few, many = (foreseen(folder, 1, explore="random", examples=examples) for examples in (10, 20))
    assert many.plans == few.plans + 10
    assert many.seconds > 1.5 * few.seconds


def test_short_ones_are_told_in_one_figure(tmp_path: Path) -> None:
    """Nobody has to read about waits that there are not."""
    open_system(POOL.write(tmp_path))
    assert "wait" not in str(foreseen(tmp_path, 2))
