"""The reports of a session of the suite inside pytest: the same files as `retrigger run` writes, and a few lines."""

from __future__ import annotations

import os
import shlex
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from harness.conformance.baseline import read_baseline
from harness.conformance.campaign import Campaign
from harness.conformance.collect import Collected, run_head
from harness.conformance.shared import FamilyRun, read_runs
from harness.errors import HarnessError
from harness.network import find_server
from harness.report.model import RunReport, SystemReport
from harness.report.write import places_of, write_reports

__all__ = ["report_session"]


def report_session(config: pytest.Config, folder: Path) -> list[str]:
    """Writes the reports and returns what the summary says.

    Args:
        config: with the options. folder: what the workers left; it is gone afterwards.
    """
    begun_s = folder.stat().st_ctime
    runs = list(read_runs(folder))
    if not any(run.cases for run in runs):
        return []
    out = str(config.invocation_params.dir / config.getoption("--retrigger-out"))
    try:
        report = _report(runs, _workers(config), time.time() - begun_s)
        written = write_reports(report, places_of(config.getoption("--retrigger-report"), out))
    except (HarnessError, OSError) as error:
        return [f"no report could be written: {error}"]
    return [*_lines(report), *(os.path.relpath(path) for path in written)]


def _workers(config: pytest.Config) -> int:
    return len(config.getoption("tx", None) or []) or 1


def _report(runs: list[FamilyRun], workers: int, seconds: float) -> RunReport:
    campaigns = list(dict.fromkeys(Campaign.from_json(run.campaign) for run in runs))
    systems = [system for campaign in campaigns for system in _systems(campaign, runs, seconds)]
    command = "pytest " + shlex.join(sys.argv[1:])
    head = run_head(campaigns[0], find_server(), workers=workers, command=command)
    return replace(head, systems=tuple(systems), seconds=seconds)


def _systems(campaign: Campaign, runs: list[FamilyRun], seconds: float) -> Iterator[SystemReport]:
    systems = campaign.systems()
    chunks = campaign.chunks(systems)
    baseline = read_baseline(Path(campaign.baseline)) if campaign.baseline else ()
    mine = [run for run in runs if Campaign.from_json(run.campaign) == campaign]
    for system in systems:
        cases = [case for run in mine if run.system == system.name for case in run.cases]
        planned = [chunk for chunk in chunks if chunk.system == system.name]
        collected = Collected(system=system, planned=planned, cases=cases, baseline=baseline)
        yield collected.report(campaign, seconds)


def _lines(report: RunReport) -> Iterator[str]:
    for system in report.systems:
        counts = ", ".join(f"{count} {verdict.value}" for verdict, count in system.counts().items())
        left = f", {system.not_run} plans not run" if system.not_run else ""
        yield f"{system.name}: {system.verdict.value}   {len(system.cases)} cases: {counts}{left}   {system.level}"
        if system.silent:
            yield f"  claimed and not put to the test: {' '.join(system.silent)}"
        yield from (f"  not claimed: {line}" for line in system.not_claimed)
        yield f"  not tested: {', '.join(system.not_tested)}"
