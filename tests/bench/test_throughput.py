"""Cases a minute, from the moments at which cases ended."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from harness.bench.repeat import End
from harness.bench.throughput import measure_campaign, speed_of, throughput, with_speedup
from harness.conformance.campaign import Campaign
from harness.conformance.where import manifest_path
from harness.network.find import ENVIRONMENT_KEY


def ends(worker: str, *at_s: float) -> list[End]:
    return [End(worker=worker, at_s=at) for at in at_s]


def test_setting_up_does_not_count_as_work() -> None:
    """A campaign of two minutes, half of it set-up: its pace is that of the second half."""
    speed = speed_of(ends("main", 60, 80, 100, 120), begun_s=0)
    assert speed.cases_per_min == 3
    assert speed.cases_per_min_with_setup == 2
    assert speed.setup_s == 60


def test_the_pace_is_taken_once_the_last_worker_is_set_up() -> None:
    """While one worker is still setting up, the others' cases say nothing of the pace of all."""
    speed = speed_of([*ends("gw0", 10, 20, 30, 40), *ends("gw1", 30, 40)], begun_s=0)
    assert (speed.cases, speed.setup_s) == (6, 30)
    assert speed.cases_per_min == 2 * 60 / 10


def test_one_case_a_worker_is_too_few_for_a_pace() -> None:
    """Nothing is left after the set-up, so nothing is claimed."""
    assert speed_of([*ends("gw0", 10), *ends("gw1", 12)], begun_s=0).cases_per_min == 0


def test_the_speed_up_is_measured_against_one_worker() -> None:
    """Two workers of 180 cases a minute beside one of 100 are 1.8 as fast; an error has no speed."""
    figures = with_speedup({"1": {"cases_per_min": 100.0}, "2": {"cases_per_min": 180.0}, "4": {"error": "it broke"}})
    assert [found.get("speedup") for found in figures.values()] == [1.0, 1.8, None]


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A campaign leaves the server that it found in the environment, for its workers; this puts it back afterwards."""
    monkeypatch.setenv(ENVIRONMENT_KEY, os.environ.get(ENVIRONMENT_KEY, ""))


@pytest.mark.usefixtures("environment")
def test_a_repeated_plan_is_run_again_and_not_remembered(tmp_path: Path) -> None:
    """A worker that remembered its plans would make every repeat the fastest case of all."""
    fault = "kill orders @reply orders w1"
    campaign = Campaign(manifests=(manifest_path("callee_inbox"),), faults=(fault,), out=str(tmp_path))
    figures, report = measure_campaign(campaign, workers=1, cases=3)
    cases = report.systems[0].cases
    assert figures["cases"] == 3
    assert [case.landed for case in cases] == [(fault,)] * 3
    assert len({case.seconds for case in cases}) == 3


@pytest.mark.usefixtures("environment")
def test_a_system_that_cannot_be_run_is_named_and_leaves_the_others_their_figures(tmp_path: Path) -> None:
    """The bench of all patterns does not end at a broken one."""
    (tmp_path / "retrigger.toml").write_text("spec = 1\n")
    figures, report = throughput(str(tmp_path), (1, 2), cases=1, out=tmp_path / "out")
    assert report is None
    assert all("retrigger.toml" in figures[workers]["error"] for workers in ("1", "2"))
