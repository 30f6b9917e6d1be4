"""What the pages show as output is what the commands print."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.docs.pages import PAGES, name_of
from tests.docs.snippets import Snippet, alike, filled, outputs, snippets

BUDGET_S = 90.0
"""Runs beyond this are left to `python -m tests.docs.snippets --check`, which makes all of them."""
BEGUN_S = time.monotonic()
every_page = pytest.mark.parametrize("page", PAGES, ids=name_of)


def _runs(page: Path) -> list[Snippet]:
    found = snippets(page.read_text(encoding="utf-8"))
    return [snippet for snippet in found if not snippet.quick and not snippet.long]


PAGES_WITH_RUNS = [page for page in PAGES if _runs(page)]


@every_page
def test_what_needs_no_run_is_up_to_date(page: Path) -> None:
    """Outputs of commands that start nothing, files, tables from code; `python -m tests.docs.snippets` repairs them."""
    text = page.read_text(encoding="utf-8")
    assert text == filled(text, runs=False)


@every_page
def test_every_output_is_there(page: Path) -> None:
    """No command in a console block stands without what it printed, and none but retrigger and make."""
    for snippet in snippets(page.read_text(encoding="utf-8")):
        assert snippet.calls
        for command, lines in snippet.calls:
            assert lines, command
            assert command.split()[0] in ("retrigger", "make")


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES_WITH_RUNS, ids=name_of)
def test_runs_still_end_as_the_page_says(page: Path) -> None:
    """The verdict lines of each run that a page shows, on the services as they are or with the change that it shows."""
    for snippet in _runs(page):
        if time.monotonic() - BEGUN_S > BUDGET_S:
            pytest.skip(f"{BUDGET_S:g} s are spent; python -m tests.docs.snippets --check makes all runs")
        for (command, shown), printed in zip(snippet.calls, outputs(snippet), strict=True):
            assert alike(command, shown, printed), f"$ {command}\n" + "\n".join(printed)


def test_another_verdict_in_an_output_is_noticed() -> None:
    """Times, ids and counts may differ from run to run; a verdict, a code and a missing line may not."""
    command = "retrigger run patterns/callee_naive"
    shown = (
        " !!  faults   5/7 cases hold   2 violated   8.1 s",
        "RT201 stranded   plan a",
        "Result: VIOLATED   exit 1",
    )
    again = (" !!  faults   4/7 cases hold   3 violated   11 s", "RT201 stranded   plan b", "Result: VIOLATED   exit 1")
    assert alike(command, shown, again)
    assert alike(command, ("...", *shown[1:]), again)
    assert not alike(command, shown, (*again[:1], "RT101 lost", *again[2:]))
    assert not alike(command, shown, again[:2])
    assert not alike("retrigger list plans callee_naive", ("a  kill",), ("b  kill",))


def test_a_shown_change_is_made_to_a_copy_only() -> None:
    """A console block below a diff and under the same heading runs with it; one under the next heading does not."""
    block = "```console\n$ retrigger list faults\n```\n"
    page = f"# A\n```diff\nd\n```\n{block}# B\n{block}"
    assert [snippet.diffs for snippet in snippets(page)] == [("d\n",), ()]
