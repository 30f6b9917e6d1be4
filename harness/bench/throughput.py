"""Cases a minute, measured from outside: whole campaigns, through the same door as `retrigger run`."""

from __future__ import annotations

import io
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from harness.bench.repeat import ENDED, End
from harness.cli.session import run_campaign
from harness.conformance.campaign import Campaign
from harness.errors import HarnessError
from harness.report.model import RunReport
from harness.report.terminal import Terminal

__all__ = ["Speed", "measure_campaign", "speed_of", "throughput", "with_speedup"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Speed:
    """What the ends of the cases of one campaign tell.

    cases: all of them. cases_per_min: while every worker was past its set-up and its first case; 0 where too few cases
    were left. cases_per_min_with_setup: of the whole time. setup_s: until every worker had its first case behind it.
    """

    cases: int
    cases_per_min: float
    cases_per_min_with_setup: float
    setup_s: float


def speed_of(ends: Sequence[End], begun_s: float) -> Speed:
    """Computes the speed of a campaign.

    Args:
        ends: its cases, at least one.
        begun_s: when it was called, on the clock of `ends`.
    """
    workers = {end.worker for end in ends}
    steady_s = max(min(end.at_s for end in ends if end.worker == worker) for worker in workers)
    last_s = max(end.at_s for end in ends)
    later = sum(end.at_s > steady_s for end in ends)
    return Speed(
        cases=len(ends),
        cases_per_min=round(60 * later / (last_s - steady_s), 1) if later else 0.0,
        cases_per_min_with_setup=round(60 * len(ends) / (last_s - begun_s), 1),
        setup_s=round(steady_s - begun_s, 3),
    )


def throughput(manifest: str, workers: Sequence[int], cases: int, out: Path) -> tuple[dict[str, Any], RunReport | None]:
    """Measures a system with each number of workers.

    Args:
        manifest: its path.
        workers: how many, in turn.
        cases: how many cases each campaign has at least.
        out: folder for what campaigns leave; the histories that the report names are there.

    Returns:
        What `throughput` in the file says of this system, and the report of the last campaign that came to its end.
    """
    figures: dict[str, Any] = {}
    report: RunReport | None = None
    for number in workers:
        campaign = Campaign(manifests=(manifest,), explore="core", out=str(out))
        try:
            figures[str(number)], report = measure_campaign(campaign, number, cases)
        except HarnessError as error:  # one system that cannot be run leaves the others their figures
            figures[str(number)] = {"error": str(error)}
    return with_speedup(figures), report


def measure_campaign(campaign: Campaign, workers: int, cases: int) -> tuple[dict[str, Any], RunReport]:
    """Runs a campaign, its plans repeated until there are at least `cases`, and says how fast it was.

    Raises:
        HarnessError: it could not be run.
    """
    plans = len(campaign.chunks(campaign.systems()))
    repeat = ["-p", "harness.bench.repeat", f"--retrigger-repeat={max(1, -(-cases // plans))}"]
    begun_s = time.time()  # the clock of pytest's reports
    report = run_campaign(campaign, workers, Terminal(Console(file=io.StringIO())), repeat, "bench").report
    return asdict(speed_of(ENDED, begun_s)) | {"verdict": report.systems[0].verdict.value}, report


def with_speedup(figures: dict[str, Any]) -> dict[str, Any]:
    """The figures by number of workers, each beside those of one worker, where that was measured."""
    alone = figures.get("1", {}).get("cases_per_min")
    for found in figures.values():
        if alone and "cases_per_min" in found:
            found["speedup"] = round(found["cases_per_min"] / alone, 2)
    return figures
