"""The same plans on processes and in containers: the same verdicts, fault for fault."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

import patterns
from harness.cli.check import check
from harness.network import find_server
from harness.plans.gaps import core, plan_of
from harness.runner.stage import Judged, Stage
from harness.runner.system import open_system
from tests.engine import IMAGE, needs_containers

WORKS = {"callee_inbox": 2, "caller_queue": 2, "callee_naive": 1}
"""Of a system without an owner, a second piece of work is lost or not as it happens to meet the kill of the first."""
RACES = {("callee_naive", "kill orders @reply orders w1")}
"""What is killed here has answered already, and its background task runs against the kill: seen to win 4 of 25 times
as a process, 1 of 25 times in a container."""

pytestmark = [needs_containers, pytest.mark.slow]


async def outcomes(name: str, image: str = "") -> dict[str, tuple[str, ...]]:
    """Outcome, violated properties and landed faults of each core plan of a pattern."""
    system = open_system(Path(patterns.__path__[0]) / name, image)
    assert bool(system.contained) == bool(image)
    found = {}
    async with Stage(find_server(), [system]) as stage:
        for plan in [plan_of(system.manifest), *core(system.manifest)]:
            found[str(plan)] = _told(await stage.run(replace(plan, works=WORKS[name])))
    return found


def _told(judged: Judged) -> tuple[str, ...]:
    codes = sorted({violation.code for violation in judged.verdict.violations})
    return (judged.outcome.value, *codes, *judged.landed, judged.error)


@pytest.mark.parametrize("name", WORKS)
def test_a_pattern_has_the_same_verdicts_on_processes_and_in_containers(name: str) -> None:
    """Same outcome, same properties violated, same faults landed, for every core plan that is no race."""
    on_processes = asyncio.run(outcomes(name))
    assert any("kill" in plan for plan in on_processes)
    in_containers = asyncio.run(outcomes(name, IMAGE))
    assert in_containers.keys() == on_processes.keys()
    for plan, told in on_processes.items():
        if (name, plan) not in RACES:
            assert (plan, in_containers[plan]) == (plan, told)


def test_processes_and_containers_can_be_mixed(tmp_path: Path) -> None:
    """One service deployed as an image, its worker still a process, one folder of data between them."""
    text = (Path(patterns.__path__[0]) / "callee_inbox" / "retrigger.toml").read_text(encoding="utf-8")
    mixed = text.replace('name = "orders"\napp', f'name = "orders"\ncontainer = "{IMAGE}"\napp')
    (tmp_path / "retrigger.toml").write_text(mixed, encoding="utf-8")
    system = open_system(tmp_path)
    assert system.contained == ("orders",)

    async def outcomes_of_kills() -> list[tuple[str, str]]:
        kills = [plan for plan in core(system.manifest) if "kill" in str(plan)]
        async with Stage(find_server(), [system]) as stage:
            judged = [await stage.run(plan) for plan in kills]
        return [(each.outcome.value, each.error) for each in judged]

    assert set(asyncio.run(outcomes_of_kills())) == {("HOLDS", "")}


def test_a_manifest_is_checked_in_containers(capsys: pytest.CaptureFixture[str]) -> None:
    """Contract, routing and the run without faults, as for processes."""
    assert check(str(Path(patterns.__path__[0]) / "callee_inbox"), IMAGE) == 0
    assert "the manifest is true" in capsys.readouterr().out
