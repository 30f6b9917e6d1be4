"""A campaign is computed from its options alone: the same list of plans in every worker, in an order that is fair."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

import patterns
from harness.conformance.campaign import Campaign, usual
from harness.conformance.collect import Collected
from harness.errors import UsageError
from harness.plans.compound import CROWD
from harness.plans.model import Plan
from harness.targets.trace import can_trace
from tests.runner.systems import CHAIN, INBOX


@pytest.fixture
def folders(tmp_path: Path) -> tuple[str, str]:
    """Two systems."""
    return str(INBOX.write(tmp_path / "inbox")), str(CHAIN.write(tmp_path / "chain"))


def ids(campaign: Campaign) -> list[str]:
    """The ids of its tests."""
    return [chunk.id for chunk in campaign.chunks(campaign.systems())]


def test_single_runs_the_fault_free_plan_first(folders: tuple[str, str]) -> None:
    """Then every plan of the enumeration; each test is named after system, family and plan, for `-k`."""
    found = ids(Campaign(manifests=folders[:1]))
    assert len(found) == len(set(found)) == 35
    assert found[0] == f"tiny-inbox-no faults-{Plan(system='tiny-inbox').id}"
    assert [each for each in found if "-cut reply @recv-" in each]


def test_compound_does_without_strace_and_sweep_does_not(
    folders: tuple[str, str], monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    """Where nobody can stop between two commits, the other combinations are run; a sweep is nothing but such stops."""
    request.addfinalizer(can_trace.cache_clear)
    monkeypatch.setenv("PATH", "/nowhere")
    can_trace.cache_clear()
    found = {name: ids(Campaign(manifests=folders[:1], explore=name)) for name in ("compound", "sweep")}
    assert [name for name, each in found.items() if any("@syscall" in test for test in each)] == ["sweep"]
    assert [each for each in found["compound"] if "-poison @recv-" in each]
    queue = (str(Path(patterns.__path__[0]) / "caller_queue"),)  # its orders are struck inside
    asked_for = Campaign(manifests=queue, explore="writes")
    assert any("@syscall" in test for test in ids(asked_for))  # so the run refuses, instead of testing nothing
    assert usual(replace(asked_for, explore="single")).explore == "single"
    compound = Campaign(manifests=queue, explore="compound")
    [system] = compound.systems()
    report = Collected(system=system, planned=compound.chunks([system])).report(compound, seconds=1.0)
    assert "kills between two commits (strace cannot be used here)" in report.not_tested


def test_a_crowd_stays_one_whatever_was_asked_for(folders: tuple[str, str]) -> None:
    """Few works are asked for, and many are what its plan is about."""
    campaign = Campaign(manifests=folders[:1], explore="compound", works=3)
    assert {plan.works for plan in campaign.plans(campaign.systems()[0])} == {3, CROWD}


def test_systems_take_turns(folders: tuple[str, str]) -> None:
    """A slow system does not keep the others waiting for their first verdict."""
    campaign = Campaign(manifests=folders, explore="core")
    chunks = campaign.chunks(campaign.systems())
    assert [chunk.system for chunk in chunks[:4]] == ["tiny-inbox", "tiny-chain"] * 2


def test_shards_are_the_whole_once(folders: tuple[str, str]) -> None:
    """Every plan is in exactly one shard."""
    whole = ids(Campaign(manifests=folders))
    shards = [ids(Campaign(manifests=folders, shard=(first, 3))) for first in (1, 2, 3)]
    assert sorted(each for shard in shards for each in shard) == sorted(whole)
    assert max(map(len, shards)) - min(map(len, shards)) <= 1


def test_random_plans_are_drawn_in_chunks_with_seeds_of_their_own(folders: tuple[str, str]) -> None:
    """Two seeds share no chunk, and the number of examples is kept to."""
    first, second = (Campaign(manifests=folders[:1], explore="random", seed=seed, examples=25) for seed in (1, 2))
    chunks = first.chunks(first.systems())
    assert [chunk.examples for chunk in chunks] == [0, 10, 10, 5]
    assert chunks[0].plan is not None
    seeds = [
        chunk.seed for campaign in (first, second) for chunk in campaign.chunks(campaign.systems()) if chunk.examples
    ]
    assert len(seeds) == len(set(seeds)) == 6


def test_plan_in_words_replaces_the_exploration(folders: tuple[str, str]) -> None:
    """Several faults are one plan, on as many works as were asked for."""
    words = ("kill worker @recv charge w3", "kill orders @quiet")
    campaign = Campaign(manifests=folders[:1], faults=words, works=3)
    [chunk] = campaign.chunks(campaign.systems())
    assert chunk.plan
    assert (tuple(map(str, chunk.plan.faults)), chunk.plan.works) == (words, 3)


def test_plan_knows_where_its_system_is(folders: tuple[str, str]) -> None:
    """A plan file replays by itself, from any folder."""
    campaign = Campaign(manifests=folders[:1])
    assert {chunk.plan.manifest for chunk in campaign.chunks(campaign.systems()) if chunk.plan} == {
        str(Path(folders[0], "retrigger.toml").resolve())
    }


def test_campaign_travels_to_the_workers_as_json(folders: tuple[str, str]) -> None:
    """Nothing is lost on the way, and the plans are the same there."""
    campaign = Campaign(manifests=folders, explore="core", only=(), budget_s=1.5, shard=(1, 2), seed=7, works=3)
    there = Campaign.from_json(json.loads(json.dumps(campaign.to_json())))
    assert there == campaign
    assert ids(there) == ids(campaign)


@pytest.mark.parametrize(
    "options",
    [
        {"explore": "sideways"},
        {"only": ("zzzzzz",)},
        {"faults": ("explode",)},
        {"faults": ("kill worker @recv charge w9",)},
    ],
)
def test_option_without_meaning_is_a_usage_error(folders: tuple[str, str], options: dict[str, object]) -> None:
    """Before anything is started."""
    with pytest.raises(UsageError):
        ids(Campaign(manifests=folders[:1], **options))  # type: ignore[arg-type]
