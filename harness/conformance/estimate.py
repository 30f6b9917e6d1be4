"""How long a campaign will take, said before it begins: from its plans and the declared constants alone.

A case takes as long as its system needs to start and to come to rest, which is alike for all its plans, and besides
what its faults make somebody wait for: the end of a pause, a caller's time limit, the redelivery of what a dead worker
held. The first is a guess about this machine, the second is what was declared; where one declares a minute, the second
is all that counts. A violation is waited for longer, and run again; it cannot be foreseen and is not in the figure.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from harness.conformance.campaign import Chunk
from harness.plans.model import LINK_VERBS, PROCESS_VERBS, Fault, Plan
from harness.runner.system import System

__all__ = ["Estimate", "estimate", "plan_wait_s", "wait_s"]

SETUP_S = 1.5
FORKED_S = 0.35
COMMAND_S = 0.8
RANDOM_FAULTS = 2
"""How many faults a random plan has, on average."""
LONG_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """seconds: of all, on so many workers. plans: how many. long: those that wait for long. long_s: their share.

    longest_s: the longest wait that a plan has by what was declared.
    """

    seconds: float
    plans: int
    long: int
    long_s: float
    longest_s: float

    def __str__(self) -> str:
        total = f"{self.plans} plan{'' if self.plans == 1 else 's'}, about {_told(self.seconds)} if all hold"
        if not self.long:
            return total
        wait = f"{self.long} of them wait{'s' if self.long == 1 else ''} up to {self.longest_s:.0f} s as declared"
        return f"{total}; {wait}, about {_told(self.long_s)} of it"


def estimate(systems: Iterable[System], chunks: Sequence[Chunk], workers: int) -> Estimate:
    """Adds up what the plans of a campaign will take when all of them hold."""
    known = {system.name: system for system in systems}
    waits = [each for chunk in chunks for each in _waits(known[chunk.system], chunk)]
    rests = [_rest_s(known[chunk.system]) for chunk in chunks for _ in range(chunk.examples or 1)]
    cases = [wait + rest for wait, rest in zip(waits, rests, strict=True)]
    long = [case for case, wait in zip(cases, waits, strict=True) if wait >= LONG_S]
    share = max(1, min(workers, len(cases)))
    longest = max(cases, default=0.0)
    setup_s = sum(SETUP_S + _rest_s(system) for system in known.values())
    return Estimate(
        seconds=round(setup_s + max(sum(cases) / share, longest), 1),
        plans=len(cases),
        long=len(long),
        long_s=round(max(sum(long) / share, max(long, default=0.0)), 1),
        longest_s=max(waits, default=0.0),
    )


def _waits(system: System, chunk: Chunk) -> list[float]:
    """The wait of each case of a chunk; of plans that are not drawn yet, an average of what they are drawn from."""
    if chunk.plan is not None:
        return [plan_wait_s(system, chunk.plan)]
    from harness.plans.gaps import single

    pool = [plan_wait_s(system, plan) for plan in single(system.manifest)] or [0.0]
    return [RANDOM_FAULTS * sum(pool) / len(pool)] * chunk.examples


def plan_wait_s(system: System, plan: Plan) -> float:
    """What the faults of a plan make somebody wait for."""
    return sum(wait_s(system, fault) for fault in plan.faults)


def wait_s(system: System, fault: Fault) -> float:
    """How long one fault keeps its case waiting, from the declared constants: while it lasts, and for the recovery."""
    return _lasting_s(system, fault) + _recovery_s(system, fault)


def _lasting_s(system: System, fault: Fault) -> float:
    if fault.until:
        return system.until_s(fault.until)
    if fault.verb == "blackhole" and fault.direction == "reply":
        return system.until_s("timeout")
    return system.until_s("detect") if fault.verb in ("pause", "hold", "refuse", "blackhole", "reset") else 0.0


def _recovery_s(system: System, fault: Fault) -> float:
    """Who held the work is gone, or believes that it failed: until the trigger drives it again."""
    if fault.point.name in ("submit", "quiet", "ready", "answer", "syscall") or fault.verb in (
        "dup",
        "hold",
        "pause",
        "refuse",
    ):
        return 0.0
    node = _node_of(system, fault.point.where)
    if fault.verb in PROCESS_VERBS and fault.process not in {system.process_of(node), *system.resource_names}:
        return 0.0
    if fault.verb in LINK_VERBS and fault.point.name != "recv":
        return system.until_s("patience") if system.submit.root != "none" else 0.0
    return system.redelivery_s(node)


def _node_of(system: System, place: str) -> str:
    owners = (node.name for node in system.manifest.node if any(effect.name == place for effect in node.effects))
    return next(owners, place or system.submit.node)


def _rest_s(system: System) -> float:
    """What each case of a system takes anyway: starts, and rest twice where no reader tells that it is quiet."""
    commands = sum(bool(process.start or process.container) for process in system.manifest.process)
    unread = system.triggered_edges - {pending.edge for pending in system.manifest.pending}
    return FORKED_S + COMMAND_S * bool(commands) + (2 * system.bounds.redrive_s if unread else 0.0)


def _told(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
