"""From single cases to the verdict on a system: what was not shown takes nothing from what held, and hides nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.checks import Verdict
from harness.conformance.campaign import Campaign
from harness.conformance.collect import Collected
from harness.report.model import CaseReport
from tests.runner.systems import INBOX

HOLDS, VIOLATED, ERROR = Verdict.HOLDS, Verdict.VIOLATED, Verdict.ERROR
INCONCLUSIVE, NOT_EXERCISED = Verdict.INCONCLUSIVE, Verdict.NOT_EXERCISED
KILL = "kill worker @recv charge w1"


@pytest.fixture
def campaign(tmp_path: Path) -> Campaign:
    """The whole sweep of a system."""
    return Campaign(manifests=(str(INBOX.write(tmp_path)),))


@pytest.fixture
def collected(campaign: Campaign) -> Collected:
    """Its results, of which there are none yet."""
    [system] = campaign.systems()
    return Collected(system=system, planned=campaign.chunks([system]))


def case(number: int, outcome: Verdict, *faults: str, landed: bool = True) -> CaseReport:
    """One case."""
    return CaseReport(plan=f"p{number}", faults=faults, outcome=outcome, landed=faults if landed else (), error="why")


@pytest.mark.parametrize(
    ("outcomes", "verdict"),
    [
        ([], NOT_EXERCISED),
        ([HOLDS, HOLDS], HOLDS),
        ([HOLDS, NOT_EXERCISED], HOLDS),
        ([NOT_EXERCISED], NOT_EXERCISED),
        ([HOLDS, INCONCLUSIVE], INCONCLUSIVE),
        ([HOLDS, NOT_EXERCISED, INCONCLUSIVE], INCONCLUSIVE),
        ([HOLDS, VIOLATED, INCONCLUSIVE, NOT_EXERCISED], VIOLATED),
        ([NOT_EXERCISED, VIOLATED], VIOLATED),
        ([HOLDS, VIOLATED, ERROR], ERROR),
    ],
)
def test_gravest_outcome_is_the_verdict(
    campaign: Campaign, collected: Collected, outcomes: list[Verdict], verdict: Verdict
) -> None:
    """Over the cases with faults; plans that did not land count only where nothing else was shown."""
    collected.cases = [case(number, outcome, KILL) for number, outcome in enumerate(outcomes)]
    assert collected.report(campaign, 1.0).verdict is verdict


def test_fault_free_case_alone_shows_nothing_about_faults(campaign: Campaign, collected: Collected) -> None:
    """Where faults were planned and none struck, a fault-free run that held is no pass."""
    collected.cases = [case(0, HOLDS), case(1, NOT_EXERCISED, KILL, landed=False)]
    assert collected.report(campaign, 1.0).verdict is NOT_EXERCISED


def test_faults_that_never_landed_are_counted_as_zero(campaign: Campaign, collected: Collected) -> None:
    """Every planned family is listed, so that a gap that was never hit shows."""
    collected.cases = [case(0, HOLDS, KILL), case(1, NOT_EXERCISED, "refuse a->b @recv charge w1", landed=False)]
    landed = collected.report(campaign, 1.0).faults_landed
    assert landed["kill @recv"] == 1
    assert landed["refuse @recv"] == 0
    assert len(landed) == len(
        {fault.family for chunk in collected.planned if chunk.plan for fault in chunk.plan.faults}
    )


def test_what_was_not_exercised_and_not_tested_is_named(campaign: Campaign, collected: Collected) -> None:
    """Plan, faults and why; cases that were not run; and what no plan of this tool covers."""
    collected.cases = [case(1, NOT_EXERCISED, KILL, landed=False)]
    report = collected.report(campaign, 1.0)
    assert [(each.plan, each.faults, each.why) for each in report.not_exercised] == [("p1", (KILL,), "why")]
    assert report.not_tested[0] == "35 planned cases that were not run"
    assert any("power loss" in each for each in report.not_tested)


def test_trigger_without_a_reader_is_named(tmp_path: Path) -> None:
    """Where nobody can see pending work the report says which edge is blind."""
    text = INBOX.files["retrigger.toml"].partition("[[pending]]")
    blind = Campaign(
        manifests=(str(INBOX.changed("retrigger.toml", (text[1] + text[2], "")).write(tmp_path / "blind")),)
    )
    [system] = blind.systems()
    report = Collected(system=system, planned=blind.chunks([system])).report(blind, 1.0)
    assert "pending work of orders->payments (no reader declared)" in report.not_tested


@pytest.mark.parametrize(("explore", "told"), [("single", True), ("single,writes", False), ("sweep", False)])
def test_a_handler_that_no_plan_stops_in_the_middle_is_named(tmp_path: Path, explore: str, told: bool) -> None:
    """Its effect is a row: there is no point before or after it, and only the sweep strikes between two writes."""
    rows = 'effects = [{ name = "charge", sql = { sqlite = "{data:orders}/inbox.db", query = "select id from x" } }]'
    world = 'effects = [{ name = "charge", sink = "keyed", at = "POST {link:world}/charge" }]'
    changed = INBOX.changed("retrigger.toml", (world, rows), (', WORLD_URL = "{link:world}"', ""))
    campaign = Campaign(manifests=(str(changed.write(tmp_path)),), explore=explore)
    [system] = campaign.systems()
    report = Collected(system=system, planned=campaign.chunks([system])).report(campaign, seconds=1.0)
    assert ("a kill between two writes of payments (try --explore writes, with strace)" in report.not_tested) is told
