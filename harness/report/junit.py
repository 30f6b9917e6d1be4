"""The report for continuous integration: JUnit XML, one test case for each property and family of plans.

The same table as the pytest suite has (`harness.report.families`), so that a job shows the same rows whichever of the
two it ran. Known failures and what was not put to the test are skipped, each with its reason; undecided is a failure.
"""

from __future__ import annotations

import re
from xml.etree import ElementTree as Xml

from harness.checks.verdict import Verdict
from harness.report.families import Cell, cells_of
from harness.report.model import RunReport, SystemReport

__all__ = ["junit_text"]

_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit_text(run: RunReport) -> str:
    """The document, ending with a newline."""
    root = Xml.Element("testsuites", name="retrigger", time=f"{run.seconds:.3f}")
    for system in run.systems:
        root.append(_suite(run, system))
    Xml.indent(root)
    return Xml.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _suite(run: RunReport, system: SystemReport) -> Xml.Element:
    suite = Xml.Element("testsuite", name=_text(system.name), time=f"{system.seconds:.3f}")
    told: set[str] = set()
    for cell in cells_of(system):
        seconds = cell.seconds if cell.family not in told else 0.0  # a family is run once, for all its properties
        told.add(cell.family)
        suite.append(_case(system, cell, seconds))
    for entry in system.stale:
        name = f"{entry.family}: {entry.property}: baseline"
        case = Xml.SubElement(suite, "testcase", classname=_text(f"retrigger.{system.name}"), name=_text(name))
        Xml.SubElement(case, "failure", message="stale: it holds now; delete this entry").text = _text(entry.reason)
    counts = {tag: str(len(suite.findall(f"testcase/{tag}"))) for tag in ("failure", "error", "skipped")}
    suite.attrib.update(
        tests=str(len(suite)), failures=counts["failure"], errors=counts["error"], skipped=counts["skipped"]
    )
    properties = Xml.Element("properties")
    for name, value in _facts(run, system).items():
        Xml.SubElement(properties, "property", name=name, value=_text(value))
    suite.insert(0, properties)
    return suite


def _facts(run: RunReport, system: SystemReport) -> dict[str, str]:
    proxy = f"{run.toxiproxy.version} ({run.toxiproxy.origin})"
    return {
        "verdict": system.verdict.value,
        "level": system.level,
        "explore": run.explore,
        "seed": str(run.seed),
        "toxiproxy": proxy if run.toxiproxy.real else f"NOT REAL: {proxy}",
        "not tested": ", ".join(system.not_tested),
    }


def _case(system: SystemReport, cell: Cell, seconds: float) -> Xml.Element:
    case = Xml.Element(
        "testcase",
        classname=_text(f"retrigger.{system.name}"),
        name=_text(f"{cell.family}: {cell.property_id}"),
        time=f"{seconds:.3f}",
    )
    if cell.verdict is Verdict.HOLDS:
        return case
    tag = {Verdict.ERROR: "error", Verdict.NOT_EXERCISED: "skipped"}.get(cell.verdict, "failure")
    known = cell.known if cell.verdict is Verdict.VIOLATED else ""
    first, *_ = cell.why.splitlines() or [""]
    message = f"known: {known}" if known else f"{cell.verdict.value}: {first}"
    Xml.SubElement(case, "skipped" if known else tag, message=_text(message)).text = _text(cell.why)
    return case


def _text(text: str) -> str:
    """The text without the characters that XML does not have."""
    return _NOT_IN_XML.sub("?", text)
