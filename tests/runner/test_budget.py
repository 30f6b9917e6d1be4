"""Budgets: computed from what is declared, spent in fair time, extended by progress, and bounded."""

from __future__ import annotations

import pytest

from harness.runner.budget import FAIR_TICK_S, HARD_CAP, SAFETY, Bounds, Budget, Calibration


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    """A clock in the hands of the test."""
    return Clock()


def spend(budget: Budget, clock: Clock, seconds: float, tick_s: float = 0.005) -> None:
    """Lets time pass in ticks."""
    for _ in range(round(seconds / tick_s)):
        clock.now_s += tick_s
        budget.tick()


def test_budget_is_the_declared_time_for_each_fault_and_once_more() -> None:
    """(faults + 1) x (detection and backoff + what the fault-free run took), times the safety factor."""
    bounds, taken = Bounds(detect_s=0.5, recover_s=2.0, redrive_s=1.0), Calibration(lag_s=0.1, work_s=0.3, start_s=0.2)
    assert bounds.budget_s(0, taken) == pytest.approx(SAFETY * (2.5 + 0.5))
    assert bounds.budget_s(2, taken) == pytest.approx(SAFETY * (3 * 2.5 + 0.5))
    assert bounds.budget_s(2, taken.times(2.0)) == pytest.approx(2 * bounds.budget_s(2, taken))


def test_stable_is_longer_than_anything_that_may_still_move() -> None:
    """Work counts as stranded only after twice the time in which the slowest trigger must have moved it."""
    bounds, taken = Bounds(detect_s=2.0, recover_s=9.0, redrive_s=3.0), Calibration(lag_s=0.1)
    assert bounds.settle_s(taken) > bounds.redrive_s
    assert bounds.stable_s(taken) > 2 * bounds.settle_s(taken)
    assert Bounds(detect_s=0.0, recover_s=0.0, redrive_s=0.0).stable_s(Calibration(lag_s=0.001)) >= 1.0


def test_time_without_progress_ends_a_budget(clock: Clock) -> None:
    """Not before its limit, and at its limit."""
    budget = Budget(1.0, clock)
    spend(budget, clock, 0.9)
    assert not budget.over
    spend(budget, clock, 0.2)
    assert budget.over
    assert budget.still


def test_progress_extends_a_budget_up_to_the_hard_cap(clock: Clock) -> None:
    """As long as something moves there is hope, but not for ever."""
    budget = Budget(1.0, clock)
    for _ in range(29):
        spend(budget, clock, 0.1)
        budget.progress()
    assert not budget.over
    for _ in range(2):
        spend(budget, clock, 0.1)
        budget.progress()
    assert budget.spent_s > HARD_CAP
    assert budget.over


def test_hard_cap_is_no_stillness(clock: Clock) -> None:
    """A system that has been busy for long is not at rest because of it: stranded means that nothing moves."""
    budget = Budget(1.0, clock)
    for _ in range(40):
        spend(budget, clock, 0.1)
        budget.progress()
    assert budget.over
    assert not budget.still
    spend(budget, clock, 1.1)
    assert budget.still


def test_starved_harness_does_not_spend_the_systems_time(clock: Clock) -> None:
    """A tick that comes a second late counts as one that came on time: the system had no CPU either."""
    budget = Budget(1.0, clock)
    for _ in range(10):
        clock.now_s += 5.0
        budget.tick()
    assert budget.spent_s == pytest.approx(10 * FAIR_TICK_S)
    assert not budget.over
