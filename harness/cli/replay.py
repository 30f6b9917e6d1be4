"""`replay`: one plan again and again in one stage, so that a finding can be looked at, and believed."""

from __future__ import annotations

import asyncio
from pathlib import Path

from rich.console import Console

from harness.checks import Verdict, narrate
from harness.conformance.where import plan_of_id
from harness.network import find_server
from harness.plans.aim import check_aim
from harness.plans.model import Plan
from harness.report.model import exit_code, gravest
from harness.runner.stage import Judged, Stage
from harness.runner.system import open_system

__all__ = ["replay"]


def replay(*, plan: str, times: int, out: Path, image: str) -> int:
    """Runs the plan `times` times and prints each outcome, the first witness, and k of n; returns the exit code."""
    found = plan_of_id(plan, out)
    outcomes = asyncio.run(_replay(found, times, image, Console(highlight=False)))
    return exit_code(gravest(outcomes))


async def _replay(plan: Plan, times: int, image: str, console: Console) -> list[Verdict]:
    system = open_system(Path(plan.manifest), image)
    check_aim(system.manifest, plan)
    console.print(f"plan {plan.id}   {plan.system}   {plan}")
    outcomes: list[Verdict] = []
    async with Stage(find_server(), [system]) as stage:
        for number in range(1, times + 1):
            judged = await stage.run(plan)
            took_s = judged.run.seconds["case"]
            console.print(
                f"  {number:>3}  {judged.outcome.value:<14}{took_s:6.2f} s  {_why(judged)}",
                markup=False,
                soft_wrap=True,
            )
            if judged.outcome is Verdict.VIOLATED and Verdict.VIOLATED not in outcomes:
                _tell(judged, console)
            outcomes.append(judged.outcome)
    worst = gravest(outcomes)
    console.print(f"{worst.value} {outcomes.count(worst)} of {times}")
    return outcomes


def _why(judged: Judged) -> str:
    return judged.error or ("" if judged.outcome is Verdict.HOLDS else judged.verdict.why)


def _tell(judged: Judged, console: Console) -> None:
    violation = judged.verdict.violations[0]
    console.print(f"\n       {violation.code}  {violation.what}")
    for line in narrate(judged.run.history, violation):
        console.print(f"         {line}", markup=False, soft_wrap=True)
    console.print(f"       likely: {violation.likely}\n", soft_wrap=True)
