"""A wrong declaration is a finding, with the line of the manifest that says otherwise."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.checks import Verdict
from harness.manifest.where import declared_at
from harness.report.gather import findings_of
from tests.runner.rehearsal import rehearsing
from tests.runner.swaps import SWAPS


@pytest.mark.parametrize("name", SWAPS)
def test_wrong_declaration_is_reported_with_its_line(tmp_path: Path, name: str) -> None:
    """Service and manifest contradict each other, and the finding says where."""
    swap = SWAPS[name]
    with rehearsing(swap.declared.open(tmp_path)) as rehearsal:
        judged = rehearsal.run(*swap.faults)
        findings = findings_of(judged.run.history, judged.verdict, rehearsal.system.manifest.path)
    assert judged.outcome is Verdict.VIOLATED, judged.error or judged.verdict.why
    told = [finding.declared for finding in findings if finding.code == swap.code]
    assert told, [(finding.code, finding.declared) for finding in findings]
    place, _, words = told[0].partition("  ")
    assert words.startswith(swap.line)
    number = int(place.removeprefix("retrigger.toml:"))
    line = (tmp_path / "retrigger.toml").read_text().splitlines()[number - 1]
    assert line.startswith(swap.line)


@pytest.mark.parametrize(
    ("place", "told"),
    [
        (("edge", "orders->payments", "awaits"), "m.toml:12  awaits = false"),
        (("edge", "orders->payments", "trigger", "lease_s"), "m.toml:13  trigger = { lease_s = 1 }"),
        (("effect", "charge", "sink"), 'm.toml:6  effects = [{ name = "charge" }]   (no sink)'),
        (("node", "orders", "steps"), "m.toml:3  [[node]]   (no steps)"),
        (("node", "nobody", "steps"), ""),
        (("submit", "accepted"), ""),
    ],
)
def test_a_place_is_found_by_names(tmp_path: Path, place: tuple[str, ...], told: str) -> None:
    """Where the key is not written, the table is named that it would stand in."""
    text = (
        '# a manifest\n\n[[node]]\nname = "orders"\n\neffects = [{ name = "charge" }]\n\n\n[[edge]]\n'
        'from = "orders"\nto = "payments"\nawaits = false   # handed off\ntrigger = { lease_s = 1 }\n'
    )
    (tmp_path / "m.toml").write_text(text)
    assert declared_at(tmp_path / "m.toml", place) == told
