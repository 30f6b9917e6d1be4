"""`compare`: placements side by side on the same work and the same faults."""

from __future__ import annotations

import json
import os
import shlex
import sys
from dataclasses import replace
from pathlib import Path

from harness.cli.session import INTERRUPTED, Interrupted, run_campaign, worker_count
from harness.conformance.campaign import Campaign
from harness.conformance.where import manifest_path
from harness.plans.common import shared_effect
from harness.report.compare import Comparison, compare
from harness.report.compare_html import comparison_html
from harness.report.compare_terminal import print_comparison
from harness.report.json import read_report
from harness.report.model import RunReport
from harness.report.terminal import Terminal
from harness.runner.system import open_system
from patterns import PLACEMENTS

__all__ = ["compare_all"]


def compare_all(*, systems: list[str], effect: str, workers: str, out: str, json_file: str) -> int:
    """Runs what has to be run, puts it beside what reports tell, prints and writes; returns the exit code."""
    named = systems or list(PLACEMENTS)
    reports = [read_report(Path(name)) for name in named if _is_report(name)]
    manifests = tuple(manifest_path(name) for name in named if not _is_report(name))
    runs = [*([_run(manifests, effect, workers, out)] if manifests else []), *reports]
    comparison = compare(runs)
    print()
    print_comparison(comparison)
    _write(comparison, runs, Path(out) / "compare" / "index.html", json_file)
    return max(run.exit_code for run in runs)


def _is_report(name: str) -> bool:
    return name.endswith(".json") and Path(name).is_file()


def _run(manifests: tuple[str, ...], effect: str, workers: str, out: str) -> RunReport:
    """The campaign of the faults in common terms on all these systems."""
    effect = effect or shared_effect([open_system(Path(path)).manifest for path in manifests])
    campaign = Campaign(manifests=manifests, explore="common", effect=effect, out=out)
    # A worker a core: each sets up all systems, and with so few cases more workers would cost more than help.
    count = len(os.sched_getaffinity(0)) if workers == "auto" else worker_count(workers)
    terminal = Terminal(picture=f"{out}/compare/index.html")
    try:
        command = "retrigger " + shlex.join(sys.argv[1:])
        return run_campaign(campaign, count, terminal, [], command).report
    except Interrupted:
        print("\nretrigger: interrupted; nothing is left running", file=sys.stderr)
        sys.exit(INTERRUPTED)


def _write(comparison: Comparison, runs: list[RunReport], page: Path, json_file: str) -> None:
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(comparison_html(comparison), encoding="utf-8")
    written = [str(page)]
    if json_file:
        place = Path(json_file)
        place.parent.mkdir(parents=True, exist_ok=True)
        document = comparison.document() | {"run": json.loads(_merged(runs).to_json())}
        place.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        written.append(json_file)
    print(f"\nwritten: {', '.join(written)}")


def _merged(runs: list[RunReport]) -> RunReport:
    """One report of all systems, so that a comparison can be compared again."""
    return replace(runs[0], systems=tuple(system for run in runs for system in run.systems))
