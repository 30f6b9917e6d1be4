"""`baseline update` and `baseline check`: the list of known failures, written by a run and held against one."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from harness.cli.run import run_and_report
from harness.conformance.baseline import FILE_NAME, draft, families_of, read_baseline, written
from harness.conformance.campaign import Campaign
from harness.conformance.where import manifest_path
from harness.report.model import RunReport, Verdict, exit_code

__all__ = ["check", "update"]


def update(manifest: str, file: str, workers: str, out: str) -> int:
    """Runs every gap and writes what fails now. Reasons that are known stay; entries that nothing fails any more go."""
    campaign = Campaign(manifests=(manifest_path(manifest),), out=out)
    path = _place(campaign, file)
    entries = read_baseline(path) if path.exists() else ()
    report = run_and_report(replace(campaign, baseline=str(path) if entries else ""), workers, [], [])
    if report.verdict in (Verdict.ERROR, Verdict.NOT_EXERCISED):
        print(f"{path} was not touched: the run did not show what fails", file=sys.stderr)
        return exit_code(report.verdict)
    others = [entry for entry in entries if entry.system not in {system.name for system in report.systems}]
    kept = [entry for system in report.systems for entry in draft(system, entries)]
    path.write_text(written([*others, *kept], path.name), encoding="utf-8")
    print(f"\nwrote {path}: {len(kept)} known failure{'' if len(kept) == 1 else 's'}")
    return 0


def check(manifest: str, file: str, workers: str, out: str) -> int:
    """Runs the plans that the baseline speaks of, and says of each entry whether it still fails."""
    campaign = Campaign(manifests=(manifest_path(manifest),), out=out)
    path = _place(campaign, file)
    entries = read_baseline(path)
    [system] = campaign.systems()
    families = families_of(system, campaign.works)
    plans = tuple(plan for entry in entries for plan in families.get(entry.family, ()))
    if not plans:
        print(f"{path}: nothing in it can be checked for {system.name}")
        return 0
    report = run_and_report(replace(campaign, only=plans, baseline=str(path)), workers, [], [])
    return _told(report)


def _told(report: RunReport) -> int:
    print()
    for system in report.systems:
        for entry in system.baseline:
            print(f"{entry.state(system.cases):<8} {entry.property} under {entry.family}: {entry.reason}")
    return report.exit_code


def _place(campaign: Campaign, file: str) -> Path:
    """The file that is named, else the one beside the manifest."""
    place = Path(campaign.manifests[0])
    return Path(file) if file else (place if place.is_dir() else place.parent) / FILE_NAME
