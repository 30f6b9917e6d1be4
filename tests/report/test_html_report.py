"""The page that people share: it stands alone, and it obeys nobody whose text it shows."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from harness.checks import Verdict, judge
from harness.history import Kind
from harness.report.gather import findings_of
from harness.report.html import interesting_cases, render_html, write_html
from harness.report.model import (
    Boundary,
    CaseReport,
    Finding,
    GapReport,
    GraphEdge,
    GraphNode,
    NotExercised,
    SystemReport,
    Toxiproxy,
    WitnessStep,
)
from tests.report.samples import (
    Script,
    accepted,
    charge,
    demo_run,
    duplicate_case,
    inbox_system,
    keyed_case,
    naive_system,
    run_of,
    started,
)

HOSTILE = "</title></style></svg><script>alert('x')</script><img src=//h onerror=\"alert(1)\">&\x1b[31m"
LOADING = {"src", "href", "xlink:href", "action", "data", "poster", "srcset", "background"}


class Page(HTMLParser):
    """Collects elements and their attributes, and all text."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.text = ""
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_data(self, data: str) -> None:
        self.text += data


def hostile_system() -> SystemReport:
    """Every text that comes from a manifest, a plan or a history tries to break out."""
    script = Script()
    started(script, HOSTILE)
    accepted(script, 26, HOSTILE, HOSTILE)
    charge(script, 41, HOSTILE, 1, applies=1, by=HOSTILE)
    script.at(50, Kind.PROCESS, HOSTILE, state="killed")
    script.at(51, Kind.FAULT, f"cut reply {HOSTILE}->{HOSTILE}", state="landed")
    script.at(60, Kind.QUIET, why=HOSTILE)
    finding = Finding(
        code=HOSTILE, title=HOSTILE, property=HOSTILE, boundary=HOSTILE, work=HOSTILE, summary=HOSTILE, likely=HOSTILE,
        witness=(WitnessStep(text=HOSTILE, events=(4,)),), where_to_look=HOSTILE, owner=HOSTILE, spread=HOSTILE,
    )  # fmt: skip
    case = CaseReport(
        plan=HOSTILE, faults=(HOSTILE,), outcome=Verdict.VIOLATED, findings=(finding,), history=script.text(),
        error=HOSTILE,
    )  # fmt: skip
    return SystemReport(
        name=HOSTILE, path=HOSTILE, about=HOSTILE, verdict=Verdict.VIOLATED, cases=(case,), lints=(HOSTILE,),
        nodes=(GraphNode(name=HOSTILE, process=HOSTILE, effects=(HOSTILE,)), GraphNode(name="b")),
        edges=(GraphEdge(source=HOSTILE, target="b", awaits=False, trigger=HOSTILE),), unowned=("b",),
        boundaries=(Boundary(trigger=HOSTILE, target=HOSTILE, nodes=(HOSTILE,)),), faults_landed={HOSTILE: 0},
        gaps=(GapReport(gap=HOSTILE, hits={HOSTILE: 1}), GapReport(gap="b", why=HOSTILE)),
        not_exercised=(NotExercised(plan=HOSTILE, faults=(HOSTILE,), why=HOSTILE),), not_tested=(HOSTILE,),
    )  # fmt: skip


def test_the_page_loads_nothing_from_anywhere() -> None:
    """No attribute that loads something, no import, no url() but to the page itself, and a policy that forbids more."""
    source = render_html(demo_run())
    page = Page(source)
    links = [value for _, attrs in page.elements for name, value in attrs.items() if name in LOADING]
    assert links
    assert all(link.startswith("#") for link in links)
    assert not {"link", "iframe", "object", "embed", "img", "base"} & {tag for tag, _ in page.elements}
    assert "@import" not in source
    assert source.count("url(") == source.count("url(#")
    assert "http://" not in source
    assert "https://" not in source
    policy = next(attrs["content"] for tag, attrs in page.elements if attrs.get("http-equiv"))
    assert policy.startswith("default-src 'none'")


def test_hostile_names_and_payloads_are_shown_and_not_obeyed() -> None:
    """Whatever a manifest, a plan or a history says stays text: one script, ours, no image, no handler."""
    page = Page(render_html(run_of(hostile_system(), toxiproxy=Toxiproxy(version=HOSTILE, origin=HOSTILE))))
    tags = [tag for tag, _ in page.elements]
    assert (tags.count("script"), tags.count("img"), tags.count("title") > 1) == (1, 0, True)
    assert not [name for _, attrs in page.elements for name in attrs if name.startswith("on")]
    assert HOSTILE in page.text


def test_every_reference_inside_the_page_leads_somewhere() -> None:
    """Tabs, labels, markers and patterns name elements that exist, and no name is used twice."""
    page = Page(render_html(demo_run()))
    names = [attrs["id"] for _, attrs in page.elements if "id" in attrs]
    assert len(names) == len(set(names))
    wanted = [attrs["data-show"] for _, attrs in page.elements if "data-show" in attrs]
    wanted += [name for _, attrs in page.elements for name in attrs.get("aria-labelledby", "").split()]
    wanted += [attrs["marker-end"][5:-1] for _, attrs in page.elements if "marker-end" in attrs]
    assert wanted
    assert set(wanted) <= set(names)


def test_the_stand_in_is_named_loudly() -> None:
    """A report of faults that went through the built-in proxy says so."""
    stand_in = Toxiproxy(version="1", origin="built in", real=False)
    assert "Not a real Toxiproxy" in render_html(run_of(inbox_system(), toxiproxy=stand_in))
    assert "Not a real Toxiproxy" not in render_html(run_of(inbox_system()))


def test_an_announced_violation_is_said_to_be_expected() -> None:
    """The naive example in a demo frightens nobody."""
    assert "This violation is expected" in Page(render_html(demo_run())).text
    assert "This violation is expected" not in Page(render_html(run_of(inbox_system(duplicate_case())))).text


def test_violations_come_first_and_one_holding_case_after_them() -> None:
    """One of each kind, then more, then one that holds for comparison."""
    other = replace(duplicate_case(), plan="other1", faults=("a", "b"))
    lost = replace(naive_system().cases[0], plan="lost01", faults=("a", "b", "c"))
    system = inbox_system(keyed_case(), other, lost, duplicate_case(), keyed_case("k2"))
    assert [case.plan for case in interesting_cases(system)] == ["d1biDm", "lost01", "other1", "k3yed1"]


@pytest.mark.parametrize("violated", [0, 500])
def test_500_cases_stay_a_small_page(violated: int) -> None:
    """Only interesting cases are drawn; all are listed."""
    cases = [
        replace(duplicate_case() if n < violated else keyed_case(), plan=f"plan{n:04}") for n in range(500)
    ]  # fmt: skip
    source = render_html(run_of(inbox_system(*cases)))
    assert source.count("plan0499") >= 1
    assert source.count('data-mark="killed"') <= 5
    assert len(source.encode()) < 450_000


def test_a_history_that_is_gone_costs_the_picture_and_not_the_page(tmp_path: Path) -> None:
    """The rest of the report is still worth having."""
    gone = replace(duplicate_case(), history="", history_path=str(tmp_path / "gone.jsonl"))
    page = Page(render_html(run_of(inbox_system(gone))))
    assert "The history cannot be read" in page.text
    assert "RT102 duplicate effect" in page.text


def test_a_history_in_a_file_is_drawn(tmp_path: Path) -> None:
    """Cases name their JSON lines; the page draws from there."""
    saved = tmp_path / "case.jsonl"
    saved.write_text(duplicate_case().history, encoding="utf-8")
    written = write_html(
        run_of(inbox_system(replace(duplicate_case(), history="", history_path=str(saved)))),
        tmp_path / "new" / "x.html",
    )
    assert 'data-mark="killed"' in written.read_text(encoding="utf-8")


def test_what_the_judge_finds_is_told_and_numbered_in_the_picture() -> None:
    """From a history alone to the page: the finding has a witness whose every step is numbered in the lanes."""
    case = duplicate_case()
    history = case.read_history()
    assert history is not None
    verdict = judge(history)
    [finding] = findings_of(history, verdict)
    assert (verdict.outcome, finding.code, finding.boundary) == (
        Verdict.VIOLATED,
        "RT102",
        '"payments" (callee: worker)',
    )
    assert finding.witness[0].squeezed.startswith("submit w7 -> 202 accepted, responsibility is now with")
    page = Page(render_html(run_of(inbox_system(replace(case, findings=(finding,))))))
    numbered = [tag for tag, attrs in page.elements if attrs.get("class") == "witness"]
    assert len(numbered) == len(finding.witness)
