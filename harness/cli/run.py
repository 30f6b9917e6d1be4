"""`run` and `demo`: a campaign, what is printed of it, and the reports that are written."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

from harness.cli.session import INTERRUPTED, Interrupted, run_campaign, worker_count
from harness.cli.where import SERVICES_IMAGE, image_of, manifest_path
from harness.conformance.campaign import Campaign
from harness.errors import Problem, UsageError
from harness.report.html import write_html
from harness.report.json import report_json
from harness.report.model import RunReport, exit_code
from harness.report.terminal import Terminal
from patterns import DEMO

__all__ = ["demo", "run"]

FORMATS = ("html", "json")


def demo(*, workers: str, out: str, reports: list[str], target: str, image: str) -> int:
    """The four placements and the naive one under the core plans."""
    manifests = tuple(manifest_path(name) for name in DEMO)
    image = image or (SERVICES_IMAGE if target == "container" else "")
    campaign = Campaign(manifests=manifests, explore="core", out=out, image=image_of(target, image))
    code = _campaign(campaign, workers, reports, [])
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
        explore=explore,
        seed=seed,
        examples=examples,
        only=tuple(only),
        faults=tuple(faults),
        budget_s=seconds_of(budget) if budget else None,
        out=out,
        works=works,
        image=image_of(target, image),
    )
    return _campaign(campaign, workers, reports, pytest_args)


def seconds_of(text: str) -> float:
    """`180s`, `5m`, `1h`, or plain seconds.

    Raises:
        UsageError: none of these.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", text)
    if match is None:
        raise UsageError(Problem(what="not a time", expected="180s, 5m or 1h", got=text))
    return float(match[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[match[2]]


def _campaign(campaign: Campaign, workers: str, reports: list[str], pytest_args: list[str]) -> int:
    wanted = _wanted(reports, campaign.out)
    terminal = Terminal(picture=wanted.get("html", ""))
    command = "retrigger " + shlex.join(sys.argv[1:])
    try:
        outcome = run_campaign(campaign, worker_count(workers), terminal, pytest_args, command)
    except Interrupted:
        print("\nretrigger: interrupted; nothing is left running", file=sys.stderr)
        return INTERRUPTED
    written = [_write(outcome.report, form, path) for form, path in wanted.items()]
    terminal.run_finished(outcome.report, written)
    return exit_code(outcome.report.verdict)


def _wanted(reports: list[str], out: str) -> dict[str, str]:
    """Form -> path. The picture is always written: it is what people look at first."""
    places = {"html": f"{out}/report/index.html"}
    for text in (part for report in reports for part in report.split(",")):
        form, _, path = text.partition("=")
        if form not in FORMATS:
            raise UsageError(Problem(what="no such report", expected="html or json=FILE", got=text))
        places[form] = path or places.get(form, f"{out}/report/report.{form}")
    return places


def _write(report: RunReport, form: str, path: str) -> str:
    place = Path(path)
    place.parent.mkdir(parents=True, exist_ok=True)
    if form == "html":
        write_html(report, place)
    else:
        place.write_text(report_json(report), encoding="utf-8")
    return path
