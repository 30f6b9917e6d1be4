"""Every form in which a run is written down, and where: `--report html,json=out.json,junit,md,jsonl,conformance`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from harness.errors import Problem, UsageError
from harness.report.conformance import conformance_text
from harness.report.html import render_html
from harness.report.json import report_json
from harness.report.junit import junit_text
from harness.report.lines import lines_text
from harness.report.markdown import markdown_text
from harness.report.model import RunReport

__all__ = ["FORMS", "places_of", "write_reports"]

FORMS: Mapping[str, tuple[str, Callable[[RunReport], str]]] = {
    "html": ("index.html", render_html),
    "json": ("report.json", report_json),
    "junit": ("junit.xml", junit_text),
    "md": ("report.md", markdown_text),
    "jsonl": ("report.jsonl", lines_text),
    "conformance": ("conformance.json", conformance_text),
}
"""Form -> name of its file where none is given, and what makes its text."""


def places_of(asked: Iterable[str], out: str) -> dict[str, str]:
    """Form -> path. The picture is always written: it is what people look at first.

    Args:
        asked: as on the command line, `html` or `json=FILE`, several with commas. out: folder of what has no path.

    Raises:
        UsageError: there is no such form.
    """
    places = {"html": f"{out}/report/index.html"}
    for text in (part.strip() for report in asked for part in report.split(",")):
        form, _, path = text.partition("=")
        if form not in FORMS:
            raise UsageError(
                Problem(what="no such report", expected=f"{', '.join(FORMS)}, each with =FILE if you like", got=text)
            )
        places[form] = path or f"{out}/report/{FORMS[form][0]}"
    return places


def write_reports(run: RunReport, places: Mapping[str, str]) -> list[str]:
    """Writes the run in each of these forms, and returns the paths."""
    for form, path in places.items():
        place = Path(path)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(FORMS[form][1](run), encoding="utf-8")
    return list(places.values())
