"""`retrigger check`: does a manifest tell the truth? Contract, routing, a run without faults; in seconds.

Every step is told as it ends, with the time it took. Routing is proven by cutting: while a link is cut the work must
not come through, and after it is healed it may. The first step that fails ends the check, since those after it would
only show the same again.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

from harness.boundaries.lints import lint
from harness.checks import CaseVerdict, Verdict, judge
from harness.errors import ContractError, Problem
from harness.history import Kind
from harness.manifest.copies import declared_name
from harness.network import Server
from harness.plans.model import Plan
from harness.runner.budget import Calibration
from harness.runner.case import CaseRun
from harness.runner.ledger import Ledger
from harness.runner.stage import fault_free, in_file, measured
from harness.runner.system import System
from harness.runner.universe import Universe
from harness.runner.workshop import workshop

__all__ = ["Checked", "Step", "Tell", "check_system"]

CUT_S = 0.25
LONGEST_CUT_S = 3.0
HEALED_S = 3.0
LOOK_S = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A step that ended. name: of the step. text: what was seen. verdict: whether that is as it should be."""

    name: str
    text: str
    seconds: float
    verdict: Verdict = Verdict.HOLDS


Tell = Callable[[Step], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What a check found.

    run, judged: the fault-free case. unproven: links whose cutting changed nothing. calibration: how long things take.
    """

    run: CaseRun
    judged: CaseVerdict
    unproven: tuple[str, ...]
    calibration: Calibration

    @property
    def verdict(self) -> Verdict:
        """Violated or undecided without any fault; else whether every link is proven."""
        outcome = self.judged.outcome
        return Verdict.INCONCLUSIVE if outcome is Verdict.HOLDS and self.unproven else outcome


async def check_system(system: System, server: Server, tell: Tell) -> Checked:
    """Goes through all steps.

    Raises:
        ContractError: the system does not do what its manifest says; with every problem of the step that found it.
        SetupError: a broker or the proxy could not be started.
    """
    tell(Step(name="boundaries", text=_boundaries(system), seconds=0.0))
    try:
        return await _check(system, server, tell)
    except ContractError as error:
        raise ContractError(*(in_file(problem, system) for problem in error.problems)) from error


async def _check(system: System, server: Server, tell: Tell) -> Checked:
    begun_s = time.monotonic()
    async with workshop(server, system.modules) as shop, _opened(system, shop) as universe:
        resources = ", ".join(sorted(system.resource_names))
        text = f"proxies on {len(system.links)} links" + (f", started {resources}" if resources else "")
        tell(Step(name="network", text=text, seconds=time.monotonic() - begun_s))
        run = await fault_free(universe)
        verdict = judge(run.history)
        started = ", ".join(system.process_names)
        tell(Step(name="start", text=f"ready: {started}", seconds=run.seconds["start"]))
        seconds = run.seconds["case"] - run.seconds["start"]
        tell(Step(name="no faults", text=_counted(run, verdict), seconds=seconds, verdict=verdict.outcome))
        calibration = measured(run)
        unproven = []
        if verdict.outcome is Verdict.HOLDS:
            for name, links in _arrows(universe).items():
                step = await _cut(universe, name, links, calibration)
                tell(step)
                unproven += [name] if step.verdict is not Verdict.HOLDS else []
    return Checked(run=run, judged=verdict, unproven=tuple(unproven), calibration=calibration)


@contextlib.asynccontextmanager
async def _opened(system: System, shop: Any) -> AsyncIterator[Universe]:
    universe = await Universe.open(system, shop)
    try:
        yield universe
    finally:
        await universe.close()


def _boundaries(system: System) -> str:
    derived = system.derived
    owned = ", ".join(f"{boundary.name} ({' '.join(boundary.nodes)})" for boundary in derived.boundaries)
    unowned = f"nobody owns {', '.join(derived.unowned)}" if derived.unowned else ""
    lints = "; ".join(f"{each.code} {each.where}" for each in lint(derived))
    return "   ".join(part for part in (owned, unowned, lints) if part)


def _counted(run: CaseRun, verdict: CaseVerdict) -> str:
    works = run.plan.work_keys
    outcomes = {event.work: event.data["outcome"] for event in run.history.of(Kind.ANSWER)}
    accepted = sum(outcomes.get(work) == "ok" for work in works)
    broken = dict.fromkeys(violation.what for violation in verdict.violations)
    text = f"{len(works)} submitted, {accepted} accepted"
    if verdict.outcome is Verdict.HOLDS:
        return f"{text}, {accepted} done, 0 twice"
    return f"{text}; {'; '.join(broken) or verdict.why}"


def _arrows(universe: Universe) -> dict[str, list[str]]:
    """The links by declared arrow, those of the client first: what one copy is cut off from, another one would do."""
    arrows: dict[str, list[str]] = {}
    for name in sorted(universe.links, key=lambda name: (not name.startswith("client->"), name)):
        user, _, target = name.partition("->")
        arrows.setdefault(f"{declared_name(user)}->{target}", []).append(name)
    return arrows


async def _cut(universe: Universe, name: str, links: list[str], calibration: Calibration) -> Step:
    """One case in which an arrow is cut, for every copy of its user, before work is submitted, and healed again."""
    begun_s = time.monotonic()
    await universe.begin(Plan(system=universe.system.name, works=1))
    attempt = _Attempt(universe)
    try:
        await universe.start_all()
        heals = [await universe.link(link).apply("refuse") for link in links]
        await attempt.submit()
        wait_s = min(LONGEST_CUT_S, CUT_S + 3 * calibration.work_s)
        passed = await attempt.done_within(wait_s)
        parked = attempt.ledger.is_parked("w1")
        for heal in heals:
            await heal()
        went_on = await attempt.done_within(HEALED_S, again=True)
    finally:
        await attempt.close()
        await universe.end()
    if passed and not parked and not any([await _used(universe, link) for link in links]):
        raise ContractError(_bypassed(universe.system, name))
    text = "cut: the work waits; healed: it is done" if went_on else "cut: the work waits; healed: not done at once"
    if parked:
        text = "cut: the work was given up, and stands in its parking place"
    elif passed:
        text = "cut, and the work was done all the same: it does not need this link, or reaches it by another address"
    verdict = Verdict.INCONCLUSIVE if passed and not parked else Verdict.HOLDS
    return Step(name=f"link {name}", text=text, seconds=time.monotonic() - begun_s, verdict=verdict)


async def _used(universe: Universe, name: str) -> bool:
    passed = await universe.link(name).bytes_passed()
    return passed.request_in + passed.reply_in > 0


def _bypassed(system: System, name: str) -> Problem:
    user, _, target = name.partition("->")
    return Problem(
        what=f"process {user!r} does not use the address it was given for {target!r}",
        where=f"{system.manifest.path}  process {user!r}, env",
        expected=f"work that waits while the link {name} is cut",
        got="not a byte on this link, and the work was done while it was cut",
        fix=f'let {user!r} read its address from the variable that holds "{{link:{target}}}", or delete that variable',
    )


class _Attempt:
    """One piece of work, submitted while something is in its way."""

    def __init__(self, universe: Universe) -> None:
        assert universe.scene is not None
        self.client = universe.client(universe.scene)
        self.ledger = Ledger(universe)
        self.task: asyncio.Task[str] | None = None

    async def submit(self) -> None:
        """Begins to submit; returns at once."""
        self.task = asyncio.create_task(self.client.work("w1"))

    async def done_within(self, seconds: float, *, again: bool = False) -> bool:
        """Whether it is accepted and all its effects were seen in time.

        Args:
            seconds: how long to look. again: submit once more where the answer was unknown.
        """
        deadline_s = time.monotonic() + seconds
        while time.monotonic() < deadline_s:
            if self.task and self.task.done():
                if self.task.result() == "ok" and await self.ledger.complete():
                    return True
                if again and self.task.result() != "ok":
                    await self.submit()
            await asyncio.sleep(LOOK_S)
        return False

    async def close(self) -> None:
        """Ends the client and the readers."""
        if self.task:
            self.task.cancel()
            await asyncio.gather(self.task, return_exceptions=True)
        await self.ledger.close()
