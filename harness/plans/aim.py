"""Whether the faults of a plan are aimed at something that the system has.

A plan that a person writes, or a file from another system, may name a process, a link or an effect that is not there.
Such a plan would run and strike nothing; it is refused before anything is started.
"""

from __future__ import annotations

from collections.abc import Iterator

from harness.errors import Problem, UsageError
from harness.manifest.model import Manifest
from harness.manifest.placeholders import links
from harness.plans.model import HUMAN_ACTS, LINK_VERBS, SYSCALLS, Fault, Plan

__all__ = ["check_aim"]


def check_aim(manifest: Manifest, plan: Plan) -> None:
    """Checks every fault of a plan against the system it is for.

    Raises:
        UsageError: names every target, place and work that the system does not have.
    """
    problems = [problem for fault in plan.faults for problem in _misses(manifest, plan, fault)]
    if problems:
        raise UsageError(*problems)


def _misses(manifest: Manifest, plan: Plan, fault: Fault) -> Iterator[Problem]:
    point = fault.point
    targets = _links(manifest) if fault.verb in LINK_VERBS else _killable(manifest)
    aimed = fault.target if fault.verb in LINK_VERBS else fault.process
    if fault.verb in HUMAN_ACTS:
        targets = [aimed]  # he is always there
    checks = [("target", aimed, targets), ("work", point.work, ["", *plan.work_keys])]
    checks.append(("place", point.where, _places(manifest).get(point.name, [""])))
    for what, name, known in checks:
        if name not in known:
            expected = "one of " + ", ".join(filter(None, known))
            yield Problem(
                what=f"{manifest.name} has no such {what}", where=str(fault), expected=expected, got=repr(name)
            )


def _killable(manifest: Manifest) -> list[str]:
    return [p.name for p in manifest.process if p.url is None] + [resource.name for resource in manifest.resource]


def _links(manifest: Manifest) -> list[str]:
    return [f"client->{_entered(manifest)}", *sorted("->".join(pair) for pair in links(manifest))]


def _entered(manifest: Manifest) -> str:
    """What the client speaks to: the broker of a message, or the process of the node that is requested."""
    submit = manifest.submit
    if submit and submit.publish:
        return submit.publish.resource
    if submit and submit.through:
        return submit.through
    return next((node.process for node in manifest.node if submit and node.name == submit.node), "")


def _places(manifest: Manifest) -> dict[str, list[str]]:
    """Where each kind of point can be."""
    effects = [effect.name for node in manifest.node for effect in node.effects if effect.at]
    routed = [node.name for node in manifest.node if node.route]
    return {
        "recv": effects,
        "applied": effects,
        "deliver": routed,
        "reply": routed,
        "ready": _killable(manifest),
        "syscall": list(SYSCALLS),
    }
