"""Faults in action: what each verb of a plan does when its point is reached, how it is proven and undone.

Every fault goes through the same four moments, each an event of the history: the point is reached, the fault is
about to strike, it landed (with the proof), it was healed. A fault that is never reached leaves no trace, and the case
is then not a test of it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from harness.errors import FaultError, HarnessError, Problem
from harness.history import Kind
from harness.network import Link
from harness.plans.model import LINK_VERBS, PROCESS_VERBS, Fault, Point
from harness.runner.obstruct import Obstruction, Obstructions
from harness.runner.parts import Parts
from harness.targets import Exit, Scope, Target, child_connected_to
from harness.targets.trace import Trace
from harness.targets.tree import alive
from harness.world.points import Arrival, Directive
from harness.world.scene import Scene

__all__ = ["Injector"]

GRACE_S = 2.0
PROOF_S = 5.0
COUNTED_S = 0.5
ORPHAN_S = 0.05
"""How long a child may take to die of its parent's death, where it asked the kernel for that."""
LOOK_S = 0.002
FIRST_WORK = "w1"
"""The piece of work that every case submits first."""
POINTS_BEFORE = ("recv", "deliver")
"""Points at which the receiver has not seen the request that is held."""


class Injector:
    """The faults of one case.

    Args:
        parts: the processes and links that faults act on.
        scene: where they strike and are written down.
        until_s: a fault's `until` as seconds, from the declared constants.
    """

    def __init__(self, *, parts: Parts, scene: Scene, until_s: Callable[[str], float]) -> None:
        self.parts = parts
        self.scene = scene
        self.until_s = until_s
        self.tasks: set[asyncio.Task[None]] = set()
        self._striking: set[asyncio.Task[Any]] = set()
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self.errors: list[Exception] = []
        self._planned: dict[Fault, Fault] = {}
        self._paused: set[Target] = set()
        self._obstructions = Obstructions()
        self._traces: dict[Fault, asyncio.Task[None]] = {}
        self._until_death: defaultdict[str, list[tuple[asyncio.Event, asyncio.Task[None]]]] = defaultdict(list)

    def arm(self, fault: Fault) -> None:
        """Makes the fault strike when its point is reached."""
        if fault.point.name == "syscall":
            self._arm_trace(fault)
            return

        async def strike(arrival: Arrival) -> Directive:
            self.scene.history.record(Kind.POINT, work=fault.point.work, where=str(fault.point), fault=str(fault))
            self._state(fault, "about to")
            task = asyncio.current_task()
            assert task is not None, "points are reached by tasks"
            self._striking.add(task)
            try:
                return await self._strike(self._at_hand(fault, arrival), arrival)
            except Exception as error:
                self._failed(fault, error)
                return Directive.GO_ON
            finally:
                self._striking.discard(task)

        self.scene.points.arm(fault.point, strike)

    @property
    def active(self) -> bool:
        """A fault has struck and is not undone yet."""
        return bool(self.tasks)

    async def close(self) -> None:
        """Ends and undoes what is still under way, as when a case is given up. Nothing strikes from now on.

        A fault that struck while the processes of its case are being stopped would start one of them again.
        """
        self.scene.points.disarm()
        for fault in list(self._traces):
            await self._give_up_trace(fault)
        for ending in (self._striking, self.tasks):
            tasks = ending - {asyncio.current_task()}
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        while self._paused:
            await self._resume(self._paused.pop())

    def _at_hand(self, fault: Fault, arrival: Arrival) -> Fault:
        """The fault as it strikes here: where a process has copies, the one that stands at the point is meant.

        Which of two workers takes a piece of work is chance; a fault on the idle one would be a test of nothing.
        """
        user = fault.target.partition("->" if fault.verb in LINK_VERBS else "/")[0]
        copies = self.parts.copies_of(user)
        here = next((name for name in arrival.link.split("->") if name in copies), user)
        struck = replace(fault, target=fault.target.replace(user, here, 1))
        self._planned[struck] = fault
        return struck

    def _state(self, fault: Fault, state: str, proof: str = "") -> None:
        planned = self._planned.get(fault, fault)
        proof = proof if planned.target == fault.target else f"{fault.target} stood there: {proof}"
        self.scene.history.record(Kind.FAULT, work=fault.point.work, where=str(planned), state=state, proof=proof)

    def _failed(self, fault: Fault, error: Exception) -> None:
        """Writes down why a fault did not strike, or was not undone. Nobody there to be hit is no error of anybody."""
        if isinstance(error, FaultError) and self._nobody_there(fault):
            self._state(fault, "missed", proof=str(error))
        else:
            self.errors.append(error)
            self._state(fault, "failed", proof=str(error))

    def _nobody_there(self, fault: Fault) -> bool:
        """The process has just ended by itself; or it has no child to be killed."""
        if fault.verb not in PROCESS_VERBS:
            return False
        with contextlib.suppress(FaultError):  # a name that nobody has
            return _scope(fault) == "child" or self.parts.target(fault.process).pid is None
        return False

    def _later(self, fault: Fault, undo: Awaitable[None]) -> asyncio.Task[None]:
        """Undoes the fault in the background, while the system goes on."""

        async def run() -> None:
            try:
                await undo
                self._state(fault, "healed")
            except Exception as error:
                self._failed(fault, error)

        task = asyncio.create_task(run())
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return task

    async def _strike(self, fault: Fault, arrival: Arrival) -> Directive:
        strike = {
            "kill": self._kill,
            "replace": self._kill,
            "terminate": self._terminate,
            "pause": self._pause,
            "cut request": self._cut_request,
            "cut reply": self._lose_reply,
            "blackhole reply": self._lose_reply,
            "blackhole request": self._obstruct,
            "reset request": self._obstruct,
            "reset reply": self._obstruct,
            "refuse": self._obstruct,
            "hold": self._hold,
            "dup": self._dup,
            "poison": self._poison,
            "reject": self._reject,
            "click twice": self._click_twice,
            "give up": self._give_up,
            "new key": self._new_key,
        }[fault.action]
        return await strike(fault, arrival)

    # --- processes ----------------------------------------------------------------------------------------------

    async def _kill(self, fault: Fault, arrival: Arrival) -> Directive:
        async with self._alone(fault) as target:
            if target is None:
                return Directive.GO_ON
            caller = await self._calling_child(fault, arrival, target)
            ended = await target.kill(_scope(fault), caller if _scope(fault) == "child" else None)
            if _scope(fault) == "tree" or await _ended_with_it(caller, arrival):
                self.scene.deaths[fault.process] += 1
            which = ", the child that makes the held call" if caller == ended.pid else ""
            self._state(fault, "landed", proof=f"pid {ended.pid} ended by {ended.how}{which}")
        self._later(fault, self._start_again(fault))
        return Directive.LATE if fault.late else Directive.GO_ON

    def _arm_trace(self, fault: Fault) -> None:
        """Counts calls from the moment at which work is about to be submitted, until all is quiet."""

        async def attach(_: Arrival) -> Directive:
            self._state(fault, "about to")
            try:
                await self._attach(fault)
            except HarnessError as error:
                self._failed(fault, error)
            return Directive.GO_ON

        async def detach(_: Arrival) -> Directive:
            await self._give_up_trace(fault)
            return Directive.GO_ON

        self.scene.points.arm(Point(name="submit", work=FIRST_WORK), attach)
        self.scene.points.arm(Point(name="quiet"), detach)

    async def _attach(self, fault: Fault) -> None:
        async with self._alone(fault) as target:
            if target is not None and target.pid is not None:
                trace = await Trace.attach(target.pid, fault.point.where, fault.point.n)
                self._traces[fault] = asyncio.create_task(self._at_the_call(fault, target, trace))

    async def _at_the_call(self, fault: Fault, target: Target, trace: Trace) -> None:
        """Waits until strace has killed the process, proves that it was strace, and starts it again."""
        try:
            ended = await target.dies()
            self._traces.pop(fault, None)
            self.scene.deaths[fault.process] += 1
            self._later(fault, self._proven_and_started(fault, ended, trace))
        except FaultError as error:
            self._traces.pop(fault, None)
            await trace.end()
            self._state(fault, "missed", proof=str(error))
        except asyncio.CancelledError:
            await trace.end()
            raise

    async def _proven_and_started(self, fault: Fault, ended: Exit, trace: Trace) -> None:
        proof = await trace.proof()
        await trace.end()
        self.scene.history.record(Kind.POINT, where=str(fault.point), fault=str(fault))
        self._state(fault, "landed" if proof else "missed", proof=f"pid {ended.pid} ended by {ended.how}; {proof}")
        await self._start_again(fault)

    async def _give_up_trace(self, fault: Fault) -> None:
        """Lets the process go where the call has not come; the fault was then not exercised."""
        if waiting := self._traces.pop(fault, None):
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
            call = f"call {fault.point.n} of {fault.point.where}"
            self._state(fault, "missed", proof=f"{fault.process} made no {call} before all was quiet")

    async def _calling_child(self, fault: Fault, arrival: Arrival, target: Target) -> int | None:
        """Of several children, the one whose call is held: it has the work. None: no child of this process makes it."""
        if _scope(fault) == "tree" or not arrival.link.startswith(f"{fault.process}->") or target.pid is None:
            return None
        port = self.parts.link(arrival.link).port
        return await asyncio.to_thread(child_connected_to, target.pid, port)

    async def _terminate(self, fault: Fault, arrival: Arrival) -> Directive:
        """SIGTERM; the held call goes on meanwhile, since a graceful service waits for it.

        Where something else holds the call as well, and the process has ended by then, nobody made it.
        """

        async def end_and_start() -> None:
            async with self._alone(fault) as target:
                if target is None:
                    return
                ended = await target.terminate(GRACE_S)
                self.scene.deaths[fault.process] += 1
                self._state(fault, "landed", proof=f"SIGTERM sent to pid {ended.pid}: {ended.how}")
            await self._start_again(fault)

        self._later(fault, end_and_start())
        return Directive.GO_ON

    async def _pause(self, fault: Fault, arrival: Arrival) -> Directive:
        """SIGSTOP, the declared time, SIGCONT. The held call goes on once the process stands still.

        Its answer waits in the kernel, as one that came during a long collection of garbage does: whoever wakes up
        finds it, takes no note of the time, and goes on where he was. Held until he is awake, the call would run into
        his own time limit first, and a worker that was given up for dead would never be seen to act.
        """
        stands_still = asyncio.Event()

        async def stop_and_wake() -> None:
            try:
                async with self._alone(fault) as target:
                    if target is not None:
                        stopped = await target.pause()
                        self._paused.add(target)
                        self._state(fault, "landed", proof=f"stopped: {', '.join(map(str, stopped))}")
                        stands_still.set()
                        await asyncio.sleep(self.until_s(fault.until or "detect"))
                        self._paused.discard(target)
                        await self._resume(target)
            finally:
                stands_still.set()

        self._later(fault, stop_and_wake())
        await stands_still.wait()
        return Directive.GO_ON

    async def _resume(self, target: Target) -> None:
        """SIGCONT, unless it has ended meanwhile."""
        if target.pid is not None:
            await target.resume()

    @asynccontextmanager
    async def _alone(self, fault: Fault) -> AsyncIterator[Target | None]:
        """The target of a process fault, with no other fault acting on it; None where it is not running.

        A fault that strikes while its target is being started again waits for the start: two kills of one process are
        two kills of two lives.
        """
        async with self._locks[fault.process]:
            target = self.parts.target(fault.process)
            if target.pid is None:
                self._state(fault, "missed", proof=f"{fault.process} was not running")
                yield None
            else:
                yield target

    async def _start_again(self, fault: Fault) -> None:
        async with self._locks[fault.process]:
            if fault.target.endswith("/child"):
                return  # whoever lost a child decides what becomes of it
            await self._undo_what_ends_with(fault.process)
            await self.parts.start_again(fault.process, replace=fault.verb == "replace")
        await self.parts.announce_ready(fault.process)

    async def _undo_what_ends_with(self, process: str) -> None:
        """Undoes the faults that last until this process has died, so that its next life meets none of them."""
        for died, undone in self._until_death.pop(process, ()):
            died.set()
            await asyncio.wait([undone])

    # --- links --------------------------------------------------------------------------------------------------

    async def _cut_request(self, fault: Fault, arrival: Arrival) -> Directive:
        """Cuts the link under the held request: the proxy ends the connection, and the request is never delivered."""
        if arrival.link != fault.target or fault.point.name not in POINTS_BEFORE:
            return await self._obstruct(fault, arrival)
        cut = await self._obstructions.put(self.parts.link(fault.target), "refuse")
        try:
            async with asyncio.timeout(PROOF_S):
                await arrival.gone.wait()
        finally:
            await cut.end()
        self._state(fault, "landed", proof="the proxy ended the connection of the held request; it was not delivered")
        self._state(fault, "healed")
        return Directive.DROP

    async def _lose_reply(self, fault: Fault, arrival: Arrival) -> Directive:
        """Takes the answer of the held request away behind its back: the callee executes, the caller sees nothing."""
        if arrival.link != fault.target:
            return await self._obstruct(fault, arrival)
        arrival.keep_open = True
        lost = await self._obstructions.put(self.parts.link(fault.target), fault.action)

        async def heal_and_prove() -> None:
            try:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self.until_s(fault.until.replace("death", "") or "patience") + PROOF_S):
                        await arrival.gone.wait()
            finally:
                await lost.end()
            await self._prove(fault, lost)

        self._later(fault, heal_and_prove())
        return Directive.GO_ON

    async def _obstruct(self, fault: Fault, arrival: Arrival) -> Directive:
        """Puts something in the way of a link for a declared time, while the system goes on."""
        obstruction = await self._obstructions.put(self.parts.link(fault.target), fault.action)
        silences = fault.action == "blackhole reply"
        self.scene.silent[fault.target] += silences
        refused, died = asyncio.Event(), asyncio.Event()

        async def wait_and_heal() -> None:
            try:
                if fault.verb == "refuse":
                    self._state(fault, "landed", proof=await _refused(obstruction.link))
                refused.set()
                await self._until(fault, died)
            finally:
                refused.set()
                self.scene.silent[fault.target] -= silences
                await obstruction.end()
            if fault.verb != "refuse":
                await self._prove(fault, obstruction)

        undone = self._later(fault, wait_and_heal())
        if fault.until == "death":
            self._until_death[fault.target.partition("->")[0]].append((died, undone))
        await refused.wait()
        return Directive.GO_ON

    async def _until(self, fault: Fault, died: asyncio.Event) -> None:
        """The time that a fault lasts; one that lasts until a death that does not come ends in the end."""
        if fault.until != "death":
            await asyncio.sleep(self.until_s(fault.until or "detect"))
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.until_s("patience") + PROOF_S):
                await died.wait()

    async def _prove(self, fault: Fault, obstruction: Obstruction) -> None:
        """The proxy counts bytes when a connection ends. None taken away: the fault hit nobody, and did not land."""
        try:
            async with asyncio.timeout(COUNTED_S):
                while not (proof := await obstruction.proof()):  # noqa: ASYNC110 - the proxy's counters; nothing tells us
                    await asyncio.sleep(LOOK_S)
            self._state(fault, "landed", proof=proof)
        except TimeoutError:
            self._state(fault, "missed", proof="nothing was sent while the link was obstructed")

    # --- what needs to know the content ---------------------------------------------------------------------------

    async def _hold(self, fault: Fault, arrival: Arrival) -> Directive:
        seconds = self.until_s(fault.until or "detect")
        self._state(fault, "landed", proof=f"held for {seconds:g} s")
        await asyncio.sleep(seconds)
        self._state(fault, "healed")
        return Directive.GO_ON

    async def _poison(self, fault: Fault, arrival: Arrival) -> Directive:
        """For a while, or for good: then it is not to be undone, and the piece of work can never succeed."""
        if fault.until:
            return self._fail_for_a_while(fault)
        self._state(fault, "landed", proof="the world answers 500 to this work, now and whenever it asks again")
        self._state(fault, "healed")
        return Directive.POISON

    def _fail_for_a_while(self, fault: Fault) -> Directive:
        """A partner that is up and answers with an error, as one does whose own database is away."""
        failing, seconds = (fault.point.where, fault.point.work), self.until_s(fault.until)
        self.scene.failing[failing] += 1
        self._state(fault, "landed", proof=f"the world answers 500 to this work for {seconds:g} s")

        async def wait_and_heal() -> None:
            try:
                await asyncio.sleep(seconds)
            finally:
                self.scene.failing[failing] -= 1

        self._later(fault, wait_and_heal())
        return Directive.GO_ON

    async def _dup(self, fault: Fault, arrival: Arrival) -> Directive:
        self._state(fault, "landed", proof="the same request is delivered twice")
        self._state(fault, "healed")
        return Directive.TWICE

    async def _reject(self, fault: Fault, arrival: Arrival) -> Directive:
        """A decision of the partner: nothing to undo, and it stands for the rest of the case."""
        self._state(fault, "landed", proof="the world answered 422, and will whenever it is asked again")
        self._state(fault, "healed")
        return Directive.REFUSE

    # --- the human ------------------------------------------------------------------------------------------------

    async def _click_twice(self, fault: Fault, arrival: Arrival) -> Directive:
        self._state(fault, "landed", proof=f"{fault.point.work} is sent twice at once, under one key")
        self._state(fault, "healed")
        return Directive.TWICE

    async def _new_key(self, fault: Fault, arrival: Arrival) -> Directive:
        """Between two clicks of one intention. Who has his answer means something new with the next one."""
        answers = [e for e in self.scene.history.of(Kind.ANSWER) if e.work == fault.point.work]
        if any(event.data["outcome"] != "unknown" for event in answers):
            self._state(fault, "missed", proof=f"whoever submitted {fault.point.work} had his answer by then")
            return Directive.GO_ON
        sent = self.scene.new_id(fault.point.work)
        self._state(fault, "landed", proof=f"from here on {fault.point.work} is sent as {sent}")
        self._state(fault, "healed")
        return Directive.GO_ON

    async def _give_up(self, fault: Fault, arrival: Arrival) -> Directive:
        """He hangs up where he still waits, and clicks no more. Who has his answer has nothing to give up."""
        human = self.scene.humans[fault.point.work]
        human.leaves.set()
        if fault.point.name != "answer":  # there he stands himself, and goes when we are done
            async with asyncio.timeout(PROOF_S):
                await human.gone.wait()
        if human.answered:
            self._state(fault, "missed", proof=f"whoever submitted {fault.point.work} had his answer by then")
            return Directive.GO_ON
        self._state(fault, "landed", proof=f"the client has left, and does not submit {fault.point.work} again")
        self._state(fault, "healed")
        return Directive.GO_ON


def _scope(fault: Fault) -> Scope:
    """`worker/child` -> child; a bare name means the whole tree, as a container kill does."""
    part = fault.target.partition("/")[2]
    return "child" if part == "child" else "parent" if part == "parent" else "tree"


async def _ended_with_it(caller: int | None, arrival: Arrival) -> bool:
    """Whether the held call's maker is dead too: some children die with their parent, others finish as orphans."""
    if caller is None:
        return await _hung_up(arrival)
    await asyncio.sleep(ORPHAN_S)
    return not alive(caller)


async def _hung_up(arrival: Arrival) -> bool:
    """Whether the call that is held ends, as it does when what was killed made it; a survivor's call goes on."""
    try:
        async with asyncio.timeout(COUNTED_S):
            return await arrival.gone.wait()
    except TimeoutError:
        return False


async def _refused(link: Link) -> str:
    """Proves a refusal by being refused."""
    try:
        _, writer = await asyncio.open_connection(link.host, link.port)
    except ConnectionRefusedError:
        return f"a connection to port {link.port} was refused"
    writer.close()
    raise FaultError(Problem(what=f"port {link.port} still accepts", expected="connection refused", got="a connection"))
