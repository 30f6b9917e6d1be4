"""`run` and `demo`: a campaign, what is printed of it, and the reports that are written."""

from __future__ import annotations

import os
import shlex
import sys

from harness.cli.session import INTERRUPTED, Interrupted, run_campaign, worker_count
from harness.conformance.campaign import Campaign, seconds_of, shard_of, usual
from harness.conformance.where import SERVICES_IMAGE, image_of, manifest_path
from harness.report.model import RunReport
from harness.report.terminal import Terminal
from harness.report.write import places_of, write_reports
from patterns import DEMO

__all__ = ["demo", "run", "run_and_report"]


def demo(*, workers: str, out: str, reports: list[str], target: str, image: str) -> int:
    """The four placements and the naive one under the core plans."""
    manifests = tuple(manifest_path(name) for name in DEMO)
    image = image or (SERVICES_IMAGE if target == "container" else "")
    campaign = Campaign(manifests=manifests, explore="core", out=out, image=image_of(target, image))
    # A worker a core: each sets up all five systems, and with so few cases more workers would cost more than help.
    cores = str(len(os.sched_getaffinity(0)))
    code = run_and_report(campaign, cores if workers == "auto" else workers, reports, []).exit_code
    if code == 0:
        print(f"\nnext: retrigger run patterns/{DEMO[0]}      retrigger boundaries patterns/{DEMO[0]}")
    return code


def run(
    *,
    manifests: list[str],
    explore: str,
    workers: str,
    seed: int,
    examples: int,
    budget: str,
    shard: str,
    baseline: str,
    only: list[str],
    faults: list[str],
    works: int,
    reports: list[str],
    out: str,
    target: str,
    image: str,
    pytest_args: list[str],
) -> int:
    """Runs a campaign and returns the exit code."""
    campaign = Campaign(
        manifests=tuple(map(manifest_path, manifests)),
        explore=explore or "single",
        seed=seed,
        examples=examples,
        only=tuple(only),
        faults=tuple(faults),
        budget_s=seconds_of(budget) if budget else None,
        out=out,
        works=works,
        shard=shard_of(shard) if shard else (1, 1),
        baseline=baseline,
        image=image_of(target, image),
    )
    if not (explore or only or faults):
        campaign = usual(campaign)
    return run_and_report(campaign, workers, reports, pytest_args).exit_code


def run_and_report(campaign: Campaign, workers: str, reports: list[str], pytest_args: list[str]) -> RunReport:
    """Runs a campaign, telling the terminal all along, and writes its reports.

    Args:
        workers: a number or `auto`. reports: forms, as after `--report`. pytest_args: passed on.
    """
    places = places_of(reports, campaign.out)
    terminal = Terminal(picture=places["html"])
    command = "retrigger " + shlex.join(sys.argv[1:])
    try:
        count = None if workers == "auto" else worker_count(workers)
        outcome = run_campaign(campaign, count, terminal, pytest_args, command)
    except Interrupted:
        print("\nretrigger: interrupted; nothing is left running", file=sys.stderr)
        sys.exit(INTERRUPTED)
    terminal.run_finished(outcome.report, write_reports(outcome.report, places))
    return outcome.report
