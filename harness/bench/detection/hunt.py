"""Looks for what is wrong with one twin, and makes the witness small; or runs a control as often as it is told to.

Each call runs in a process of its own and returns plain data. The plans of an exploration are run in its order, the
few that separate placements first, until one fails. What fails is shrunk, by leaving out faults and then works, and
the smallest plan is run again ten times.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import multiprocessing
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings

from harness.checks import PROPERTIES, Verdict, judge
from harness.conformance.campaign import Campaign
from harness.errors import HarnessError
from harness.network import find_server
from harness.plans.model import Fault, Plan, parse_fault
from harness.plans.strategies import plans as random_plans
from harness.runner.stage import Judged, Stage
from harness.runner.system import System, open_system

__all__ = ["Hunt", "Trial", "Witness", "explored", "hunt", "try_control"]

REPLAYS = 10
ENOUGH = 0.9
"""The share of replays that has to fail, for a witness to be one that comes back."""
CANDIDATES = 4
"""How many failing plans of each exploration are tried for one that comes back."""
FURTHER = 30
"""How many plans of each exploration are run after the first that failed, for one that shows harm and comes back."""
DANGERS = frozenset(prop.id for prop in PROPERTIES if prop.danger)
RANDOM_PLANS = 60
RANDOM = "random"


@dataclass(frozen=True, slots=True, kw_only=True)
class Witness:
    """A plan that failed. told_by: the property that told it first. properties: all that it broke.

    alone: those without which nobody would have noticed.
    """

    told_by: str
    faults: tuple[str, ...]
    works: int
    properties: tuple[str, ...]
    alone: tuple[str, ...]

    @property
    def is_danger(self) -> bool:
        """Nothing was done wrong yet; it only could have been."""
        return self.told_by in DANGERS

    @property
    def kinds(self) -> set[str]:
        """The kinds of its faults: `kill`, `cut reply`."""
        return {kind_of(parse_fault(fault)) for fault in self.faults}


@dataclass(slots=True, kw_only=True)
class Hunt:
    """What became of one twin.

    A witness that does not come back is a witness all the same; a few more are looked for then, and the one that comes
    back most often is shown as the smallest. Likewise where a witness shows danger only: harm is shown, if it is found.

    witness: the first plan that failed. minimal: the smallest. exploration: that it came from. plans: run until then,
    in all explorations; by: in each. seconds: until then, set-up included. replayed: how often the smallest failed
    again, of `replays`. cases: everything that was run. other: the first witness without any kind of fault that the
    smallest one has, where it was looked for.
    """

    twin: str
    witness: Witness | None = None
    minimal: Witness | None = None
    exploration: str = ""
    plans: int = 0
    seconds: float = 0.0
    replayed: int = 0
    replays: int = 0
    cases: int = 0
    by: dict[str, int] = field(default_factory=dict)
    other: Witness | None = None
    error: str = ""


@dataclass(slots=True, kw_only=True)
class Trial:
    """What became of one control. alarms: plans that failed, with what was said. unsure: plans without a verdict."""

    control: str
    runs: int = 0
    alarms: list[str] = field(default_factory=list)
    unsure: list[str] = field(default_factory=list)
    error: str = ""


def kind_of(fault: Fault) -> str:
    """What happens, whatever it strikes."""
    return fault.action


def hunt(name: str, folder: str, explorations: Sequence[str], second: bool, replays: int = REPLAYS) -> dict[str, Any]:
    """Hunts a twin.

    Args:
        name: of the twin. folder: of its manifest; witnesses are left there.
        explorations: one after the other, until something fails.
        second: go on until something fails without any kind of fault of the first witness, to see what that is worth.
        replays: how often the smallest plan is run again.
    """
    found = Hunt(twin=name, replays=replays)
    begun_s = time.monotonic()
    try:
        asyncio.run(_Hunter(found, Path(folder), begun_s).hunt(explorations, second))
    except HarnessError as error:
        found.error = str(error)
    return asdict(found)


class _Hunter:
    def __init__(self, found: Hunt, folder: Path, begun_s: float) -> None:
        self.found = found
        self.folder = folder
        self.begun_s = begun_s
        self.system = open_system(folder)

    async def hunt(self, explorations: Sequence[str], second: bool) -> None:
        async with _stage(self.system) as self.stage:
            for exploration in explorations:
                await self.explore(exploration)
                if self.settled:
                    break
            self.found.seconds = self.found.seconds or self.spent_s
            if self.found.witness and second:
                await self.without_these_kinds(explorations)

    async def explore(self, exploration: str) -> None:
        """Runs plans until one shows harm that comes back, or enough of them were looked at after the first failure."""
        failing = further = 0
        for plan in explored(self.system, exploration):
            further += self.found.witness is not None
            failing += await self.try_plan(plan, exploration)
            if self.settled or failing == CANDIDATES or further == FURTHER:
                return

    @property
    def spent_s(self) -> float:
        """Since the hunt began."""
        return round(time.monotonic() - self.begun_s, 2)

    @property
    def comes_back(self) -> bool:
        """The witness fails nearly always."""
        return self.found.minimal is not None and self.found.replayed >= ENOUGH * self.found.replays

    @property
    def settled(self) -> bool:
        """No better witness is looked for: this one comes back, and shows what was done and not only what might be."""
        return self.comes_back and self.found.minimal is not None and not self.found.minimal.is_danger

    async def try_plan(self, plan: Plan, exploration: str) -> bool:
        """Runs a plan; where it fails, makes it small and runs that again. The one that comes back most is kept."""
        witness = await self.fails(plan)
        if self.found.witness is None:
            self.found.plans += 1
            self.found.by[exploration] = self.found.by.get(exploration, 0) + 1
        if witness is None:
            return False
        if self.found.witness is None:
            self.found.witness, self.found.exploration, self.found.seconds = witness, exploration, self.spent_s
        if witness.is_danger and self.comes_back:
            return False
        plan, smallest = await self.smallest(plan, witness)
        replayed = await self.replay(plan)
        steady_harm = replayed >= ENOUGH * self.found.replays and not smallest.is_danger
        if self.found.minimal is None or steady_harm or replayed > self.found.replayed:
            self.found.minimal, self.found.replayed = smallest, replayed
        return True

    async def fails(self, plan: Plan) -> Witness | None:
        """Runs a plan; what it broke, if it broke anything. Undecided: once more with twice the time."""
        judged = await self.stage.run(plan)
        if judged.outcome is Verdict.INCONCLUSIVE:
            judged = await self.stage.run(plan, patience=2.0)
        self.found.cases += 1
        if judged.outcome is not Verdict.VIOLATED:
            return None
        (self.folder / f"{plan.id}.jsonl").write_text(judged.run.history.to_jsonl(), encoding="utf-8")
        (self.folder / f"{plan.id}.json").write_text(json.dumps(plan.to_json(), indent=1) + "\n", encoding="utf-8")
        return _witness(plan, judged)

    async def smallest(self, plan: Plan, witness: Witness) -> tuple[Plan, Witness]:
        """The plan with fewer faults and works, as long as it still breaks what it broke first."""
        for smaller in _smaller(plan):
            found = await self.fails(smaller)
            if found and witness.told_by in found.properties:
                return await self.smallest(smaller, found)
        return plan, witness

    async def replay(self, plan: Plan) -> int:
        """Runs it again and again; how often it failed."""
        return sum([(await self.fails(plan)) is not None for _ in range(self.found.replays)])

    async def without_these_kinds(self, explorations: Sequence[str]) -> None:
        """The first plan that fails and has no kind of fault that the smallest witness has."""
        assert self.found.minimal is not None
        for plan in itertools.chain.from_iterable(explored(self.system, name) for name in explorations):
            if self.found.minimal.kinds & {kind_of(fault) for fault in plan.faults}:
                continue
            self.found.other = await self.fails(plan)
            if self.found.other:
                return


def explored(system: System, exploration: str) -> Iterator[Plan]:
    """The plans of an exploration. Those of the core come first: they are few, and separate the placements."""
    path = str(system.manifest.path.resolve())
    if exploration == RANDOM:
        yield from _drawn(system, path)
        return
    campaign = Campaign(manifests=(path,), explore=exploration)
    plans = campaign.plans(system)
    first = [plan for plan in campaign.core(system) if plan in plans]
    yield from dict.fromkeys((*first, *plans))


def _drawn(system: System, path: str) -> list[Plan]:
    drawn: list[Plan] = []

    @seed(0)
    @settings(
        max_examples=RANDOM_PLANS,
        deadline=None,
        database=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    @given(random_plans(system.manifest, path))
    def draw(plan: Plan) -> None:
        drawn.append(plan)

    draw()
    return drawn


def _smaller(plan: Plan) -> Iterator[Plan]:
    """One fault less, or one work less; the last fault stays, for without faults nothing failed."""
    for left_out in range(len(plan.faults)) if len(plan.faults) > 1 else ():
        yield replace(plan, faults=(*plan.faults[:left_out], *plan.faults[left_out + 1 :]))
    used = {fault.point.work for fault in plan.faults}
    if plan.works > 1 and f"w{plan.works}" not in used:
        yield replace(plan, works=plan.works - 1)


def _witness(plan: Plan, judged: Judged) -> Witness:
    broken = [name for name, found in judged.verdict.verdicts.items() if found.verdict is Verdict.VIOLATED]
    return Witness(
        told_by=judged.verdict.violations[0].property,
        faults=tuple(map(str, plan.faults)),
        works=plan.works,
        properties=tuple(broken),
        alone=tuple(name for name in broken if not _noticed_without(judged, name)),
    )


def _noticed_without(judged: Judged, name: str) -> bool:
    """Whether the same history would fail without this property."""
    others = tuple(prop for prop in PROPERTIES if prop.id != name and name not in prop.derived_from)
    return judge(judged.run.history, others).outcome is Verdict.VIOLATED


def try_control(name: str, folder: str, plans: Sequence[Sequence[str]], rounds: int, starved: bool) -> dict[str, Any]:
    """Runs a control.

    Args:
        name: of the control. folder: of its manifest. plans: faults in words; all single faults where none are given.
        rounds: how often each. starved: while two busy loops run.
    """
    tried = Trial(control=name)
    try:
        with busy(2 if starved else 0):
            asyncio.run(_try(tried, Path(folder), plans, rounds))
    except HarnessError as error:
        tried.error = str(error)
    return asdict(tried)


async def _try(tried: Trial, folder: Path, plans: Sequence[Sequence[str]], rounds: int) -> None:
    system = open_system(folder)
    told = [Plan(system=system.name, faults=tuple(map(parse_fault, faults))) for faults in plans]
    async with _stage(system) as stage:
        for plan in itertools.chain.from_iterable([told or list(explored(system, "single"))] * rounds):
            judged = await stage.run(plan)
            if judged.outcome is Verdict.INCONCLUSIVE:
                judged = await stage.run(plan, patience=2.0)
            tried.runs += 1
            _note(tried, plan, judged, folder)


def _note(tried: Trial, plan: Plan, judged: Judged, folder: Path) -> None:
    if judged.outcome is Verdict.HOLDS:
        return
    why = f"{plan}: {judged.outcome}: {judged.error or judged.verdict.why}"
    if judged.outcome is Verdict.VIOLATED:
        tried.alarms.append(why)
        (folder / f"{plan.id}.jsonl").write_text(judged.run.history.to_jsonl(), encoding="utf-8")
    else:
        tried.unsure.append(why)


@asynccontextmanager
async def _stage(system: System) -> AsyncIterator[Stage]:
    async with Stage(find_server(), [system]) as stage:
        await stage.universe(system.name)
        yield stage


@contextmanager
def busy(loops: int) -> Iterator[None]:
    """So many processes that do nothing but take time."""
    spinning = [multiprocessing.get_context("spawn").Process(target=_spin, daemon=True) for _ in range(loops)]
    for process in spinning:
        process.start()
    try:
        yield
    finally:
        _end(spinning)


def _spin() -> None:
    while True:
        pass


def _end(processes: Iterable[Any]) -> None:
    for process in processes:
        process.kill()
        process.join()
