"""Each gap of the manifest is told with what hit it, or with why nothing did."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.conformance.campaign import Campaign
from harness.conformance.coverage import coverage
from harness.plans.gaps import gaps
from harness.plans.model import Plan
from harness.report.model import CaseReport, GapReport
from tests.runner.systems import INBOX


@pytest.fixture
def campaign(tmp_path: Path) -> Campaign:
    """Every gap, one fault each."""
    return Campaign(manifests=(str(INBOX.write(tmp_path)),))


def covered(campaign: Campaign, *cases: CaseReport) -> dict[str, GapReport]:
    """The gaps of the campaign's one system after these cases."""
    [system] = campaign.systems()
    return {each.gap: each for each in coverage(campaign, system, campaign.chunks([system]), cases)}


def case(*faults: str, landed: bool = True) -> CaseReport:
    """A case of these faults."""
    plan = Plan(system="any", faults=())
    return CaseReport(plan=plan.id, faults=faults, landed=faults if landed else ())


def test_hits_are_counted_by_kind_of_fault_whichever_work_and_time_it_was(campaign: Campaign) -> None:
    """The gap is the place in the code; who passes it, and the how many-th time, is the case's affair."""
    found = covered(
        campaign,
        case("kill worker @recv charge w1"),
        case("kill worker @recv charge w2 #2", "cut reply worker->world @recv charge w1"),
    )
    assert found["@recv charge"] == GapReport(gap="@recv charge", hits={"kill": 2, "cut reply": 1})


def test_every_gap_of_the_manifest_is_told_once_in_the_order_of_the_work(campaign: Campaign) -> None:
    """Where nothing was run yet they are all there."""
    [system] = campaign.systems()
    declared = dict.fromkeys(f"@{gap.point.name} {gap.point.where}".strip() for gap in gaps(system.manifest))
    told = list(covered(campaign))
    assert told[: len(declared)] == list(declared)
    assert told[-1] == "@quiet"
    assert all(name.startswith("@ready ") for name in told[len(declared) : -1])


def test_planned_and_never_reached_is_told_from_planned_and_not_run(campaign: Campaign) -> None:
    """A fault that did not land says that its gap may be unreachable; a case that was not begun says nothing."""
    found = covered(campaign, case("kill worker @recv charge w1", landed=False))
    assert found["@recv charge"].why == "planned in 1 case and never reached"
    assert found["@applied charge"].why == "planned, and not run"
    hurried = covered(replace(campaign, budget_s=1.0))
    assert hurried["@applied charge"].why == "planned, and not run before the budget was spent"


def test_what_was_not_planned_says_who_left_it_out(campaign: Campaign) -> None:
    """The exploration, the plan in words, the ids that were asked for, the part, or chance."""
    assert covered(replace(campaign, explore="core"))["@quiet"].why == "not in --explore core"
    one = replace(campaign, faults=("kill worker @recv charge w1",))
    assert covered(one)["@applied charge"].why == "not among the faults of --plan"
    [system] = campaign.systems()
    wanted = next(p for p in campaign.plans(system) if "@recv charge" in str(p))
    assert covered(replace(campaign, only=(wanted.id,)))["@applied charge"].why == "left out by --only"
    few = covered(replace(campaign, shard=(1, 999)))
    assert few["@applied charge"].why == "left to another part than --shard 1/999"
    drawn = covered(replace(campaign, explore="random", examples=30))
    assert drawn["@applied charge"].why == "not drawn in 30 random plans"


def test_a_point_that_only_a_plan_names_is_told_as_well(campaign: Campaign) -> None:
    """A person's click is no gap of the manifest, and a fault can strike there."""
    assert covered(campaign, case("click twice @submit w1"))["@submit"].hits == {"click twice": 1}


def test_parts_put_together_add_their_hits_and_keep_the_better_reason() -> None:
    """What one part left to the other is not why the other did not reach it."""
    parts = [
        GapReport(gap="@recv charge", why="left to another part than --shard 1/2"),
        GapReport(gap="@quiet", why="left to another part than --shard 1/2"),
        GapReport(gap="@recv charge", hits={"kill": 2}),
        GapReport(gap="@quiet", why="planned in 1 case and never reached"),
    ]
    assert GapReport.merged(parts) == (
        GapReport(gap="@recv charge", hits={"kill": 2}),
        GapReport(gap="@quiet", why="planned in 1 case and never reached"),
    )
