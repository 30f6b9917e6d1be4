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
from harness.history import History, Kind
from harness.network import Server
from harness.plans.model import Plan
from harness.runner.budget import Calibration
from harness.runner.case import CaseRun, run_case
from harness.runner.system import System
from harness.runner.universe import Universe
from harness.runner.workshop import Workshop, workshop

__all__ = ["Judged", "Stage"]


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
        containers = any(system.contained for system in self.systems.values())
        self._workshop = await self._stack.enter_async_context(workshop(self.server, modules, containers=containers))
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
            raise ContractError(*(_in_file(problem, system) for problem in error.problems)) from error


def _in_file(problem: Problem, system: System) -> Problem:
    """The same problem, with the manifest's name in front of the place."""
    path = str(system.manifest.path)
    return problem if problem.where.startswith(path) else replace(problem, where=f"{path}  {problem.where}".strip())


async def smoke(universe: Universe) -> Calibration:
    """Runs the fault-free case and measures it.

    Raises:
        ContractError: work is not accepted, an effect never comes, or a link is not used.
    """
    system = universe.system
    run = await run_case(universe, Plan(system=system.name), Calibration(), replay=False, most_tries=SMOKE_TRIES)
    if run.errors:
        raise run.errors[0]
    problems = [*_not_accepted(system, run.history), *_never_attempted(system, run.history)]
    problems += [*_unread(system, run), *_never_counted(system, run)]
    problems += [*_unused_taps(system, run.history), *await _unused_resources(universe)]
    if problems:
        raise ContractError(*problems)
    return _measured(run)


def _not_accepted(system: System, history: History) -> list[Problem]:
    answers = history.of(Kind.ANSWER)
    if any(event.data["outcome"] == "ok" for event in answers):
        return []
    last = answers[-1].data if answers else {}
    submit = system.submit
    if submit.publish:
        return [_not_confirmed(system, last.get("detail", ""))]
    return [
        Problem(
            what=f"{system.name} accepts no work, even without faults",
            where=f"{system.manifest.path}  submit",
            expected=f"one of the accepted answers {submit.accepted}",
            got=f"status {last['status']} {last['detail']}" if last.get("status") else last.get("detail", "no answer"),
            fix=f"accepted = [{last.get('status') or 200}]   if that means accepted; else look at the service's log",
        )
    ]


def _not_confirmed(system: System, detail: str) -> Problem:
    publish = system.submit.publish
    assert publish is not None
    return Problem(
        what=f"{publish.resource!r} takes no work under {publish.subject!r}, even without faults",
        where=f"{system.manifest.path}  submit.publish",
        expected="its confirm",
        got=detail or "none",
        fix="let a service create the stream for this subject when it starts, or mend `subject`",
    )


def _unread(system: System, run: CaseRun) -> list[Problem]:
    """Stores that gave no answer when everything was at rest."""
    return [
        Problem(
            what=f"{where} cannot be read, even without faults",
            where=f"{system.manifest.path}  {'pending of' if '->' in where else 'effect'} {where}",
            expected="work ids, or an empty answer",
            got=why,
            fix="mend the query, address or command, or let the store exist when the system is ready",
        )
        for where, why in run.unread.items()
    ]


def _never_counted(system: System, run: CaseRun) -> list[Problem]:
    """Effects at rest that accepted work never had, though their store could be read."""
    works = {event.work for event in run.history.of(Kind.ANSWER) if event.data["outcome"] == "ok"}
    counted: dict[str, set[str]] = {}
    for event in run.history.of(Kind.ROWS):
        counted.setdefault(event.where, set()).update(event.data["counts"])
    return [
        Problem(
            what=f"effect {effect.name!r} was never counted, even without faults",
            where=f"{system.manifest.path}  node with effect {effect.name!r}",
            expected=f"a row for each of {', '.join(sorted(works))}, which is the work id or contains it",
            got=", ".join(sorted(counted.get(effect.name, ()))) or "no row at all",
            fix="let the source answer one row for each application of the effect, with the work id in it",
        )
        for effect in system.stored_effects
        if works and effect.name not in run.unread and not works & counted.get(effect.name, set())
    ]


def _never_attempted(system: System, history: History) -> list[Problem]:
    """World effects of which no attempt was seen: the work was lost, or its call went past the proxy."""
    attempted = {event.where for event in history.of(Kind.ATTEMPT)}
    return [
        Problem(
            what=f"effect {effect.name!r} was never attempted, even without faults",
            where=f"{system.manifest.path}  node with effect {effect.name!r}",
            expected=f"a call {effect.at} on the link {system.process_of_effect(effect.name)}->world",
            got="no call: the service does not make it, or does not use the address it was given",
            fix=f'env = {{ WORLD_URL = "{{link:world}}" }}   under the name that process '
            f"{system.process_of_effect(effect.name)!r} reads",
        )
        for effect in system.effects
        if effect.at and effect.name not in attempted
    ]


def _unused_taps(system: System, history: History) -> list[Problem]:
    """Edges between processes whose tap saw nothing although the work got there."""
    delivered = {(event.where, event.data["node"]) for event in history.of(Kind.DELIVER)}
    problems = []
    for edge in system.manifest.edge:
        user, target = system.process_of(edge.from_), system.process_of(edge.to)
        routed = any(node.name == edge.to and node.route for node in system.manifest.node)
        if routed and (user, target) in system.links and (f"{user}->{target}", edge.to) not in delivered:
            problems.append(_past_the_proxy(system, user, target))
    return problems


async def _unused_resources(universe: Universe) -> list[Problem]:
    """Links to brokers and databases through which no byte went; counted when the case's connections have ended."""
    problems = []
    for user, target in sorted(universe.system.links):
        if target in universe.system.resource_names:
            passed = await universe.link(f"{user}->{target}").bytes_passed()
            if passed.request_in + passed.reply_in == 0:
                problems.append(_past_the_proxy(universe.system, user, target))
    return problems


def _past_the_proxy(system: System, user: str, target: str) -> Problem:
    return Problem(
        what=f"process {user!r} does not use the address it was given for {target!r}",
        where=f"{system.manifest.path}  process {user!r}, env",
        expected=f"calls through the link {user}->{target}",
        got="none in a fault-free run, so no fault on this link would hit anything",
        fix=f'let {user!r} read its address from the variable that holds "{{link:{target}}}"',
    )


def _measured(run: CaseRun) -> Calibration:
    """The time this machine takes when nothing goes wrong, up to the first end of the fault-free run."""
    events = run.history.events
    cut = next((i for i, event in enumerate(events) if event.kind in (Kind.QUIET, Kind.DEADLINE)), len(events))
    work = events[:cut]
    answered = [event.at_s for event in work if event.kind is Kind.ANSWER]
    moved = [event.at_s for event in work if event.kind in (Kind.APPLY, Kind.ANSWERED, Kind.ROWS, Kind.PENDING)]
    submitted = [event.at_s for event in work if event.kind is Kind.SUBMIT]
    last_s = max([*answered, *moved])
    return Calibration(
        lag_s=max(0.005, last_s - min(answered)),
        work_s=last_s - min(submitted),
        start_s=run.seconds.get("start", 1.0),
    )
