"""How long is long enough: liveness budgets from declared constants, counted on a fair clock.

Nothing here is a guess about a machine. A budget is computed from what the manifest declares and what the fault-free
run took on this machine; it is spent by a clock that stands still while this process itself is starved of CPU, since
then the system under test is starved as well; and each sign of progress extends it, up to a hard cap.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

__all__ = ["HARD_CAP", "TICK_S", "Bounds", "Budget", "Calibration"]

SAFETY = 3.0
HARD_CAP = 3.0
"""What a limit is multiplied with to be sure that waiting longer changes nothing."""
TICK_S = 0.005
FAIR_TICK_S = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """What the fault-free run of this universe took.

    lag_s: longest time between the last accepted answer and the last effect or hand-off, with all processes warm.
    work_s: longest time between the first submit and everything being complete.
    cold_s: how much longer the first piece of work took: what is ready by word only, as a worker without a port, is
        often not up yet.
    start_s: how long all processes took to be ready. patience: factor on every budget.
    repeats: whether a repeat of work that is done means anything; see `smoke` in `harness.runner.stage`.
    """

    lag_s: float = 0.1
    work_s: float = 2.0
    start_s: float = 2.0
    cold_s: float = 0.0
    repeats: bool = True
    patience: float = 1.0

    def times(self, patience: float) -> Calibration:
        """The same figures, for a budget that is `patience` times as long."""
        return replace(self, patience=self.patience * patience)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What the declaration promises.

    detect_s: longest detection of any trigger. recover_s: sum over all triggers of detection and backoff.
    redrive_s: the same without whoever stands at the edge, since he does nothing more once he has his answer.
    """

    detect_s: float
    recover_s: float
    redrive_s: float

    def budget_s(self, faults: int, calibration: Calibration) -> float:
        """Seconds of fair time for all work to be complete after the last fault was undone."""
        once_s = self.recover_s + calibration.work_s + calibration.start_s
        return SAFETY * calibration.patience * ((faults + 1) * once_s + 0.5)

    def still_s(self, calibration: Calibration) -> float:
        """How long nothing may move once nobody at the edge waits any more: several times what one recovery takes.

        Each fault that strikes later is a movement, so their number is no part of it.
        """
        once_s = self.redrive_s + calibration.work_s + calibration.start_s
        return SAFETY * calibration.patience * (once_s + 0.5)

    def settle_s(self, calibration: Calibration) -> float:
        """How long a system whose stores cannot be read must stay still before it counts as quiet.

        What was killed may first have to come up again, so the time of a cold start is part of it.
        """
        return self.redrive_s + calibration.cold_s + 3 * calibration.lag_s + 0.05

    def stable_s(self, calibration: Calibration) -> float:
        """How long nothing may be pending or in flight before incomplete work counts as stranded."""
        jitter_s = min(
            10 * calibration.lag_s, 1.0
        )  # a long lag is mostly a process that starts, which is counted above
        return max(1.0, 2 * self.settle_s(calibration) + jitter_s)


class Budget:
    """Fair seconds since the last progress, against a limit, with a hard cap in fair seconds overall.

    Args:
        limit_s: without progress. clock: for tests.
        whole_s: what the cap is a multiple of, where that is not the limit.
    """

    def __init__(
        self, limit_s: float, clock: Callable[[], float] = time.monotonic, *, whole_s: float | None = None
    ) -> None:
        self.limit_s = limit_s
        self.whole_s = whole_s or limit_s
        self._clock = clock
        self._last_s = clock()
        self.spent_s = 0.0
        self.still_s = 0.0

    def tick(self) -> None:
        """Counts the time since the last tick, but no more than a tick that came on time would take."""
        now_s = self._clock()
        fair_s = min(now_s - self._last_s, FAIR_TICK_S)
        self._last_s = now_s
        self.spent_s += fair_s
        self.still_s += fair_s

    def progress(self) -> None:
        """Something moved: the time without progress starts again."""
        self.still_s = 0.0

    @property
    def still(self) -> bool:
        """Nothing has moved for as long as the limit."""
        return self.still_s >= self.limit_s

    @property
    def over(self) -> bool:
        """The budget is spent without progress, or the hard cap is reached."""
        return self.still or self.spent_s > HARD_CAP * self.whole_s
