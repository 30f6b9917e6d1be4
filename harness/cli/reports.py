"""`report merge`, `report open` and `badge`: what can be done with reports after a run."""

from __future__ import annotations

import webbrowser
from pathlib import Path

from harness.errors import Problem, UsageError
from harness.report.conformance import badge_svg, refusals
from harness.report.json import read_report
from harness.report.merge import merge
from harness.report.model import RunReport
from harness.report.terminal import Terminal
from harness.report.write import FORMS, write_reports

__all__ = ["badge", "merge_reports", "open_report"]

REFUSED = 3
PICTURE = FORMS["html"][0]


def merge_reports(files: list[str], out: str) -> int:
    """Merges the JSON reports of shards, writes the whole and its picture, prints it; returns its exit code."""
    whole = merge([read_report(Path(file)) for file in files])
    place = Path(out)
    if place.suffix != ".json":
        place /= FORMS["json"][0]
    _told(whole, write_reports(whole, {"json": str(place), "html": str(place.with_suffix(".html"))}))
    return whole.exit_code


def _told(run: RunReport, written: list[str]) -> None:
    terminal = Terminal(picture=written[-1])
    terminal.run_started(run, [system.name for system in run.systems])
    for system in run.systems:
        terminal.system_finished(system)
    terminal.run_finished(run, written)


def open_report(place: str, *, show: bool = True) -> int:
    """Shows the picture of a run in a browser, where there is one; of a JSON report it is drawn first.

    Raises:
        UsageError: there is no report there.
    """
    path = _picture(Path(place))
    print(path)
    if show:
        webbrowser.open(path.resolve().as_uri())
    return 0


def _picture(path: Path) -> Path:
    if path.suffix == ".json" and path.is_file():
        [drawn] = write_reports(read_report(path), {"html": str(path.with_suffix(".html"))})
        return Path(drawn)
    found = next((p for p in (path, path / PICTURE, path / "report" / PICTURE) if p.is_file()), None)
    if found is None:
        fix = "retrigger run MANIFEST   writes one"
        raise UsageError(Problem(what=f"there is no report at {path}", expected=PICTURE, got="nothing", fix=fix))
    return found


def badge(report: str, out: str) -> int:
    """Writes a badge for a run, or says why it gets none; returns the exit code."""
    run = read_report(Path(report))
    refused = refusals(run)
    for why in refused:
        print(f"no badge: {why}")
    if refused:
        return REFUSED
    Path(out).write_text(badge_svg(run), encoding="utf-8")
    print(f"wrote {out}: {run.verdict.value}")
    return 0
