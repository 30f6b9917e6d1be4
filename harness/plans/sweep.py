"""Kills where no rendezvous reaches: at the n-th call of the kernel that makes something durable, or tells somebody.

A process in any language writes, synchronises and sends by a handful of system calls. Between two of them lies every
instant at which a crash can matter, whatever the harness knows of the process. How many there are nobody says
beforehand: a plan whose call does not come is not exercised, and the report says so.
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.manifest.model import Manifest, Node
from harness.plans.gaps import killable, plan_of
from harness.plans.model import SYSCALLS, Fault, Plan, Point

__all__ = ["CALLS_EACH", "needs_strace", "sweep", "undivided", "writes"]

CALLS_EACH = 6
"""How far each call is counted: one piece of work makes a few of each."""
WRITES = 12
"""How far writes are counted in `writes`: answers are writes too, also those to whoever asks what has been done."""


def sweep(manifest: Manifest) -> list[Plan]:
    """A kill of every process at each of its first calls. Processes that fork are left out: who of them calls?"""
    return _killed_at_calls(manifest, [process.name for process in killable(manifest) if not process.forks])


def writes(manifest: Manifest) -> list[Plan]:
    """The sweep of those processes in the midst of whose work nothing else can strike."""
    inside = {node.process for node in manifest.node if node.name in undivided(manifest)}
    traced = [process for process in killable(manifest) if not (process.forks or process.container)]
    names = [process.name for process in traced if process.name in inside]
    further = [Point(name="syscall", where="write", n=n) for n in range(CALLS_EACH + 1, WRITES + 1)]
    return _killed_at_calls(manifest, names, further)


def _killed_at_calls(manifest: Manifest, processes: list[str], further: Sequence[Point] = ()) -> list[Plan]:
    points = [Point(name="syscall", where=call, n=n) for n in range(1, CALLS_EACH + 1) for call in SYSCALLS]
    faults = [Fault(verb="kill", target=name, point=point) for point in (*points, *further) for name in processes]
    return [plan_of(manifest, fault) for fault in faults]


def needs_strace(plan: Plan) -> bool:
    """Whether a plan strikes at a call of the kernel."""
    return any(fault.point.name == "syscall" for fault in plan.faults)


def undivided(manifest: Manifest) -> list[str]:
    """The nodes in whose middle only a sweep can strike: all that they change stands in stores, where no points are."""
    return [node.name for node in manifest.node if _changes_stores(manifest, node) and not _has_points(manifest, node)]


def _changes_stores(manifest: Manifest, node: Node) -> bool:
    """It has effects of its own, or hands on by a store: then a row and a message have to be one."""
    handed_on = [edge.trigger for edge in manifest.edge if edge.from_ == node.name and not edge.awaits]
    return bool(node.effects) or any(trigger and trigger.placement == "caller" for trigger in handed_on)


def _has_points(manifest: Manifest, node: Node) -> bool:
    routed = {each.name for each in manifest.node if each.route}
    awaited = any(edge.from_ == node.name and edge.awaits and edge.to in routed for edge in manifest.edge)
    return awaited or any(effect.at for effect in node.effects)
