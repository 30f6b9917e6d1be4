"""One case, from nothing to a history: start, load under faults, heal, drain, replay the past, end.

`run_case` is the whole story in one function; each phase is a few lines below it. The case decides nothing about right
and wrong: it writes what was seen, when it was quiet or when the budget was spent, and the checks judge that.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from harness.errors import HarnessError, UndoError
from harness.history import Event, History, Kind
from harness.plans.model import Plan
from harness.runner.budget import HARD_CAP, TICK_S, Budget, Calibration
from harness.runner.inject import Injector
from harness.runner.ledger import Ledger
from harness.runner.universe import PROBE, Universe

__all__ = ["PATIENT", "CaseRun", "run_case"]

T = TypeVar("T")
BLIND_S = 2.0
"""How long a store may give no answer where nothing was done to it: then the manifest says it wrongly."""
PATIENT = 2.0
"""The patience of a run that is made because an earlier one was undecided."""
PROGRESS = (Kind.ATTEMPT, Kind.APPLY, Kind.DELIVER, Kind.REPLY, Kind.ANSWER, Kind.PENDING, Kind.ROWS)


@dataclass(slots=True, kw_only=True)
class CaseRun:
    """What one case left: its plan, its history, where its time went, and what went wrong in the harness itself.

    settled: it came to rest.
    """

    plan: Plan
    history: History
    seconds: dict[str, float] = field(default_factory=dict)
    errors: list[Exception] = field(default_factory=list)
    settled: bool = False
    unread: dict[str, str] = field(default_factory=dict)
    """Edges and effects whose store could not be read in the end, and why."""
    absent: dict[str, str] = field(default_factory=dict)
    """Edges and effects whose table, file or stream did not exist even in the end."""
    printed: dict[str, str] = field(default_factory=dict)
    """What each process printed last, where no fault was planned."""


async def run_case(
    universe: Universe,
    plan: Plan,
    calibration: Calibration,
    *,
    replay: bool = True,
    ask: bool = True,
    rest: bool = False,
    go_on: bool = False,
    most_tries: int | None = None,
    one_by_one: bool = False,
) -> CaseRun:
    """Runs a plan once in a universe. What goes wrong in the harness on the way stands in the run's `errors`.

    Args:
        universe: where. plan: what goes wrong. calibration: how long this machine takes.
        replay: whether everything is submitted again in the end.
        ask: whether what stayed behind is probed for what frees it. Without it nothing is waited for where no work was
            accepted, unless `rest` says so.
        rest: whether it is waited for rest in any case.
        go_on: whether to begin with the running processes of a case that came to rest, and to leave them to the next.
        most_tries: how often the client submits one piece of work at most.
        one_by_one: whether a piece of work is submitted only when the one before it is complete.

    Raises:
        HarnessError: the universe could not be made ready for a case.
    """
    started_s = time.monotonic()
    scene = await universe.begin(plan, go_on=go_on)
    run = CaseRun(plan=plan, history=scene.history)
    case = _Case(universe, run, calibration, go_on=go_on)
    case.client.most_tries = most_tries
    scene.history.record(Kind.SYSTEM, **universe.system.expectation(plan).to_json())
    try:
        async with case.faults_armed():
            with case.phase("start"):
                await universe.start_all()
            with case.phase("load"):
                await case.load(one_by_one=one_by_one)
            with case.phase("heal"):
                await case.healed()
            if ask or rest or case.accepted:
                with case.phase("drain"):
                    run.settled = await case.settle(last=False)
            if run.settled and replay and calibration.repeats:
                with case.phase("replay"):
                    await case.replay_the_past()
            elif not run.settled and ask:
                await case.ask_what_would_help()
    except HarnessError as error:
        run.errors.append(error)
    finally:
        if not plan.faults:
            run.printed = {name: universe.log_tail(name) for name in universe.system.process_names}
        with case.phase("end"):
            await _to_the_end(case.close())
    run.errors += [*case.injector.errors, *case.errors]
    run.seconds["case"] = time.monotonic() - started_s
    return run


def _is_telling(event: Event) -> bool:
    """An instant at which somebody has just stopped being responsible, or was struck."""
    if event.kind is Kind.ANSWER:
        return bool(event.data["outcome"] == "ok")
    return event.kind is Kind.FAULT and bool(event.data["state"] == "landed")


async def _to_the_end(work: Coroutine[None, None, None]) -> None:
    """Awaits what must not be left half done, such as processes to be ended, even where we are cancelled meanwhile."""
    doing = asyncio.create_task(work)
    try:
        await asyncio.shield(doing)
    except asyncio.CancelledError:
        await doing
        raise


class _Case:
    """The moving parts of one case while it runs."""

    def __init__(self, universe: Universe, run: CaseRun, calibration: Calibration, *, go_on: bool = False) -> None:
        assert universe.scene is not None
        self.go_on = go_on
        self.universe = universe
        self.run = run
        self.scene = universe.scene
        self.history = run.history
        self.calibration = calibration
        self.system = universe.system
        self.bounds = universe.system.bounds
        self.injector = Injector(parts=universe, scene=self.scene, until_s=self.system.until_s)
        self.ledger = Ledger(universe)
        self.client = universe.client(self.scene)
        self.clients: list[asyncio.Task[str]] = []
        self.errors: list[Exception] = []
        self.moved = asyncio.Event()
        self.looks: set[asyncio.Task[None]] = set()
        self.watching = True
        self.history.listen(self._heard)
        if self.system.manifest.journal and universe.world:
            universe.world.before = self.ledger.read_journal

    def _heard(self, event: Event) -> None:
        if event.kind in PROGRESS or event.kind is Kind.FAULT:
            self.moved.set()
        if self.ledger.can_look and _is_telling(event) and self.watching:
            self._look()

    def _look(self) -> None:
        """Reads the stores now, beside everything else: who is responsible at this instant?"""
        task = asyncio.create_task(self._look_twice())
        self.looks.add(task)
        task.add_done_callback(self.looks.discard)

    async def _look_twice(self) -> None:
        """Twice, because one reading may miss what is moved within a store while it is read."""
        for _ in range(2):
            await self.ledger.look()

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Writes the phase down and measures it."""
        self.history.record(Kind.PHASE, where=name)
        started_s = time.monotonic()
        try:
            yield
        finally:
            self.run.seconds[name] = self.run.seconds.get(name, 0.0) + time.monotonic() - started_s

    @asynccontextmanager
    async def faults_armed(self) -> AsyncIterator[None]:
        """The plan's faults wait at their points for as long as the block runs."""
        for fault in self.run.plan.faults:
            self.injector.arm(fault)
        try:
            yield
        finally:
            await self.injector.close()

    async def load(self, *, one_by_one: bool) -> None:
        """Submits w1; the others follow when its fault has struck or it has been answered, so they meet the damage."""
        first, *others = self.run.plan.work_keys
        if one_by_one:
            await self._complete_each(self.run.plan.work_keys)
            return
        self.clients.append(asyncio.create_task(self.client.work(first)))
        struck = len(self.history)
        await self._until(lambda: self.clients[0].done() or self._fault_struck_since(struck), self.budget())
        self.clients += [asyncio.create_task(self.client.work(work)) for work in others]
        await self._until(lambda: all(client.done() for client in self.clients), self.budget())

    async def _complete_each(self, works: Sequence[str]) -> None:
        """Submits each when the one before it is complete, or nothing has moved for too long."""
        for work in works:
            client = asyncio.create_task(self.client.work(work))
            self.clients.append(client)
            await self._until(client.done, self.budget())
            still = Budget(self.bounds.stable_s(self.calibration))
            while not (await self.ledger.complete() or still.over):
                await self._something_moves()
                still.tick()

    def _fault_struck_since(self, index: int) -> bool:
        states = (e.data["state"] for e in self.history.events[index:] if e.kind is Kind.FAULT)
        return any(state in ("landed", "missed", "failed") for state in states)

    @property
    def accepted(self) -> bool:
        """Some work was accepted."""
        return any(event.data["outcome"] == "ok" for event in self.history.of(Kind.ANSWER))

    def budget(self) -> Budget:
        """Fair time for everything to complete."""
        whole_s = self.bounds.budget_s(len(self.run.plan.faults), self.calibration)
        answered = bool(self.clients) and all(client.done() for client in self.clients)
        still_s = self.bounds.still_s(self.calibration) if answered else whole_s
        return Budget(min(still_s, whole_s), whole_s=whole_s)

    async def healed(self) -> None:
        """Waits until the faults that have struck are undone. One that strikes later, in the drain, heals there."""
        await self._until(lambda: not self.injector.active, self.budget())

    async def settle(self, *, last: bool) -> bool:
        """Waits for quiet: work complete, nothing pending, nothing in flight, no fault under way.

        Returns:
            True when it became quiet; False when the budget was spent, or when incomplete work stayed still for long
            enough that nothing can move it any more.
        """
        budget, still = self.budget(), Budget(self.bounds.stable_s(self.calibration))
        settling = Budget(self.ledger.settle_s(self.bounds, self.calibration, last=last))
        blind = Budget(BLIND_S)
        while True:
            seen = len(self.history)
            idle = self._idle()
            clocks = (budget, still, settling, blind)
            pending = await self._meanwhile(self.ledger.pending(), clocks) if idle else None
            complete = idle and await self._meanwhile(self.ledger.complete(), clocks)
            if idle and pending == [] and complete and settling.still:
                self.history.record(Kind.QUIET, why=self.ledger.why_quiet(settling))
                await self.ledger.at_rest()
                if not last:
                    await self.scene.points.reach("quiet")
                    await self._until(lambda: not self.injector.active, self.budget())
                return True
            if idle and pending == [] and still.still and self.ledger.sees_all:
                return await self._give_up("stranded", budget, [])
            if budget.over or (blind.still and not self.run.plan.faults):
                return await self._give_up(self._why_late(pending, budget), budget, pending or [])
            if self._driven_in_vain(budget):
                return await self._give_up("livelock", budget, pending or [])
            if not self.ledger.unread:
                blind.progress()
            await self._something_moves()
            for clock in clocks:
                clock.tick()
                if len(self.history) > seen or not idle:
                    clock.progress()

    async def _meanwhile(self, reading: Coroutine[Any, Any, T], clocks: Sequence[Budget]) -> T:
        """What a reading comes to, with the clocks running: a store that is slow to read is not a starved machine."""
        task, seen = asyncio.ensure_future(reading), len(self.history)
        try:
            while not (await asyncio.wait({task}, timeout=TICK_S))[0]:
                for clock in clocks:
                    clock.tick()
                    if len(self.history) > seen:
                        clock.progress()
                seen = len(self.history)
            return task.result()
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def _driven_in_vain(self, budget: Budget) -> bool:
        """A work that fails for good was tried far more often and longer than declared: it will go on for ever."""
        for fault in self.run.plan.faults:
            if fault.verb == "poison" and not fault.until:
                most, vain_s = self.system.vain_s(fault.point.where)
                tried = self.scene.counted("attempt", fault.point.where, fault.point.work)
                if most and tried > HARD_CAP * most * len(self.run.plan.faults) and budget.spent_s > vain_s:
                    return True
        return False

    def _idle(self) -> bool:
        """Clients have their answers, faults are undone, and no request is under way.

        A worker that asks over HTTP whether there is work does so for ever. Where all pending work can be read, such
        requests, which are no invocation of any node, tell nothing and need not be waited for.
        """
        answered = all(client.done() for client in self.clients)
        under_way = self.universe.busy(invoking=self.ledger.sees_all)
        return answered and not self.injector.active and not under_way

    def _why_late(self, pending: list[str] | None, budget: Budget) -> str:
        """The finite witness behind a spent budget, or `slow` where there is none."""
        if pending is None:
            return "slow"
        since_s = self.history.events[-1].at_s - (self.bounds.recover_s - budget.still_s)
        attempts = any(e.kind in (Kind.ATTEMPT, Kind.DELIVER) and e.at_s > since_s for e in self.history.events)
        if pending:
            return "livelock" if attempts else "undriven"
        if attempts or not (self.ledger.sees_all or (budget.still and self.system.times_declared)):
            return "slow"
        return "stranded" if self.ledger.sees_all else "overdue"

    async def _give_up(self, state: str, budget: Budget, pending: list[str]) -> bool:
        works = self.ledger.incomplete()
        self.history.record(Kind.DEADLINE, budget_s=round(budget.limit_s, 3), state=state, works=works, pending=pending)
        await self.ledger.at_rest()
        return False

    async def _until(self, condition: Callable[[], bool], budget: Budget) -> None:
        while not condition() and not budget.over:
            seen = len(self.history)
            await self._something_moves()
            budget.tick()
            if len(self.history) > seen:
                budget.progress()

    async def _something_moves(self) -> None:
        """Returns when an event of interest is written, and after one tick at the latest."""
        self.moved.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(TICK_S):
                await self.moved.wait()

    async def replay_the_past(self) -> None:
        """Submits everything again with the same keys and payloads; then the system must come to rest unchanged."""
        self.clients = [asyncio.create_task(self.client.work(work)) for work in self.run.plan.work_keys]
        await self._until(lambda: all(client.done() for client in self.clients), self.budget())
        await self.settle(last=True)

    async def ask_what_would_help(self) -> None:
        """After work stayed behind, perhaps with its trigger still set: what frees it, more work, a restart, nothing?

        Real queues show all three. Where the first deadline has decided the verdict, what is seen here only explains
        it. Where it has not, since the triggers cannot be read, this may decide it.
        """
        decided = self.history.of(Kind.DEADLINE)[-1].data
        if decided["state"] == "stranded" or not self.system.triggered_edges:
            return
        after: dict[str, str] = {}
        self.clients.append(asyncio.create_task(self.client.work(PROBE)))
        left = await self._freed(decided["works"], "stuck_until_next_work", after)
        if left:
            for name in self.system.process_names:
                await self.universe.start_again(name)
            left = await self._freed(left, "stuck_until_restart", after)
        after |= dict.fromkeys(left, "lost")
        if decided["state"] != "slow" or self._is_final(after):
            self.history.record(Kind.DEADLINE, **decided, after=after)

    def _is_final(self, after: dict[str, str]) -> bool:
        """Whether what became of late work shows more than a slow machine.

        The work that was submitted last has to be complete: then there was time enough. What has come late all the same
        counts only where it had twice the time to come by itself.
        """
        accepted = self.clients[-1].done() and self.clients[-1].result() == "ok"
        overtaken = accepted and PROBE not in self.ledger.incomplete()
        patient = self.calibration.patience >= PATIENT
        return overtaken and (patient or set(after.values()) == {"lost"})

    async def _freed(self, works: list[str], how: str, after: dict[str, str]) -> list[str]:
        """Waits for these works to complete; notes which did, and returns those that did not."""
        budget = Budget(self.bounds.stable_s(self.calibration) + self.calibration.start_s)
        left = works
        while left and not budget.over:
            await self._something_moves()
            budget.tick()
            await self.ledger.complete()
            left = [work for work in self.ledger.incomplete() if work in works]
        after |= {work: how for work in works if work not in left}
        return left

    async def close(self) -> None:
        """Ends clients, faults, readers and processes, and verifies that no fault is left."""
        self.watching = False
        for task in (*self.clients, *self.looks):
            task.cancel()
        await asyncio.gather(*self.clients, *self.looks, return_exceptions=True)
        self.run.unread |= self.ledger.unread
        self.run.absent |= self.ledger.absent
        for end in (self.injector.close, self.ledger.close, self._end_universe, self._no_fault_is_left):
            try:
                await end()
            except HarnessError as error:  # an error of this case, which must not hide why the case ends
                self.errors.append(error)

    async def _end_universe(self) -> None:
        """Ends the processes, unless the next case may go on with them: all is at rest, and nothing went wrong."""
        stranded = any(event.data["state"] == "stranded" for event in self.history.of(Kind.DEADLINE))
        sound = not (self.run.errors or self.injector.errors or self.errors)
        await self.universe.end(standing=self.go_on and sound and (self.run.settled or stranded))

    async def _no_fault_is_left(self) -> None:
        """One that is left is an error of this case, and taken away by force, so that it is none of the next."""
        if not self.run.plan.faults:
            return
        network = self.universe.workshop.network
        try:
            await network.assert_clean()
        except UndoError:
            await network.reset()
            raise
