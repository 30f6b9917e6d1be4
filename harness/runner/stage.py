"""The systems of one worker: each opened when first needed, tried once without faults, and kept for all its cases.

The fault-free run comes first, for three reasons: it shows that the system does what its manifest says at all, that
every declared link really passes its proxy (a service that ignores the address it was given would make every network
fault a fault on nothing), and how long this machine takes.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace

from harness.checks import CaseVerdict, Verdict, judge
from harness.errors import ContractError, HarnessError, Problem
from harness.history import Kind
from harness.network import Server
from harness.plans.model import Plan
from harness.runner.budget import Calibration
from harness.runner.case import CaseRun, run_case
from harness.runner.contract import absent, never_attempted, never_counted, not_accepted, unread, unused_links
from harness.runner.system import System
from harness.runner.universe import Universe
from harness.runner.workshop import Workshop, workshop

__all__ = ["Judged", "Stage", "fault_free", "in_file", "measured", "smoke"]


SMOKE_TRIES = 5
"""Without faults an answer comes at once, or something is wrong that more tries will not mend."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A case that was run and judged. outcome: ERROR where the harness failed, whatever the checks say."""

    run: CaseRun
    verdict: CaseVerdict

    @property
    def outcome(self) -> Verdict:
        """The verdict on the case."""
        return Verdict.ERROR if self.run.errors else self.verdict.outcome

    @property
    def landed(self) -> tuple[str, ...]:
        """The faults that proved to have hit, in words."""
        return tuple(e.where for e in self.run.history.of(Kind.FAULT) if e.data["state"] == "landed")

    @property
    def by_time_alone(self) -> bool:
        """The clock was the only witness: work is later than was declared, and no store shows what became of it."""
        deadlines = self.run.history.of(Kind.DEADLINE)
        return bool(deadlines) and deadlines[-1].data["state"] == "overdue"

    @property
    def error(self) -> str:
        """What went wrong in the harness, or nothing."""
        return "\n".join(str(error) or repr(error) for error in self.run.errors)


class Stage:
    """Runs plans on systems. An async context manager; everything it started ends with it."""

    def __init__(self, server: Server, systems: Iterable[System]) -> None:
        self.server = server
        self.systems = {system.name: system for system in systems}
        self._stack = AsyncExitStack()
        self._workshop: Workshop | None = None
        self._ready: dict[str, tuple[Universe, Calibration]] = {}
        self._broken: dict[str, HarnessError] = {}

    async def __aenter__(self) -> Stage:
        modules = [module for system in self.systems.values() for module in system.modules]
        self._workshop = await self._stack.enter_async_context(workshop(self.server, modules))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def run(self, plan: Plan, patience: float = 1.0) -> Judged:
        """Runs one plan on its system and judges it.

        Args:
            plan: what to run. patience: factor on the liveness budget.

        Raises:
            ContractError: the system does not do what its manifest says, even without faults.
        """
        universe, calibration = await self.universe(plan.system)
        run = await run_case(universe, plan, calibration.times(patience))
        return Judged(run=run, verdict=judge(run.history))

    def is_open(self, name: str) -> bool:
        """Whether a system has its universe by now."""
        return name in self._ready

    async def universe(self, name: str) -> tuple[Universe, Calibration]:
        """The universe of a system, tried without faults when it is opened."""
        if name in self._broken:
            raise self._broken[name]
        if name not in self._ready:
            try:
                self._ready[name] = await self._open(self.systems[name])
            except HarnessError as error:
                self._broken[name] = error
                raise
        return self._ready[name]

    async def _open(self, system: System) -> tuple[Universe, Calibration]:
        assert self._workshop is not None, "used as an async context manager"
        try:
            universe = await Universe.open(system, self._workshop)
            self._stack.push_async_callback(universe.close)
            return universe, await smoke(universe)
        except ContractError as error:
            raise ContractError(*(in_file(problem, system) for problem in error.problems)) from error


def in_file(problem: Problem, system: System) -> Problem:
    """The same problem, with the manifest's name in front of the place."""
    path = str(system.manifest.path)
    return problem if problem.where.startswith(path) else replace(problem, where=f"{path}  {problem.where}".strip())


async def smoke(universe: Universe) -> Calibration:
    """Runs the fault-free case and measures it. Raises ContractError as `fault_free` does.

    Where nobody at the edge sends anything again (`root = "none"`), everything is submitted once more: a system that
    takes that for new work has never promised to recognise a repeat, so none is sent after the faults either.
    """
    nobody = universe.system.submit.root == "none"
    run = await fault_free(universe, replay=nobody)
    return replace(measured(run), repeats=not (nobody and _again(run)))


def _again(run: CaseRun) -> bool:
    """A repeat took effect again."""
    verdict = judge(run.history).verdicts.get("P16")
    return verdict is not None and verdict.verdict is Verdict.VIOLATED


async def fault_free(universe: Universe, *, replay: bool = False) -> CaseRun:
    """Runs the fault-free case.

    Args:
        universe: where. replay: whether everything is submitted again in the end.

    Raises:
        ContractError: work is not accepted, an effect never comes, a store cannot be read, or a link is not used.
    """
    system = universe.system
    plan = Plan(system=system.name)
    run = await run_case(
        universe, plan, Calibration(), replay=replay, ask=False, most_tries=SMOKE_TRIES, one_by_one=True
    )
    if run.errors:
        raise run.errors[0]
    problems = [*not_accepted(system, run)]
    if not problems:
        problems += [
            *unread(system, run),
            *absent(system, run),
            *never_attempted(system, run),
            *never_counted(system, run),
        ]
        problems += [*await unused_links(universe, run.history)]
    if problems:
        raise ContractError(*problems)
    return run


def measured(run: CaseRun) -> Calibration:
    """The time this machine takes when nothing goes wrong, up to the first end of the fault-free run."""
    events = run.history.events
    cut = next((i for i, event in enumerate(events) if event.kind in (Kind.QUIET, Kind.DEADLINE)), len(events))
    work = events[:cut]
    answered = [event.at_s for event in work if event.kind is Kind.ANSWER]
    moved = [event.at_s for event in work if event.kind in (Kind.APPLY, Kind.ANSWERED, Kind.ROWS, Kind.PENDING)]
    submitted = [event.at_s for event in work if event.kind is Kind.SUBMIT]
    last_s, next_s = max([*answered, *moved]), max(submitted)
    first_s = max(at_s for at_s in [*answered, *moved] if at_s <= next_s or next_s == submitted[0]) - submitted[0]
    return Calibration(
        lag_s=max(0.005, last_s - max(answered)),
        work_s=last_s - submitted[0],
        cold_s=max(0.0, first_s - (last_s - next_s)),
        start_s=run.seconds.get("start", 1.0),
    )
