"""What a declaration says about itself before anything runs: gaps in ownership and promises that cannot be kept.

A lint is a finding about the declaration. Two of them only inform, NESTED and EXHAUSTS: a correct system may well have
them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from harness.boundaries.derive import Boundaries
from harness.boundaries.graph import Effect
from harness.boundaries.triggers import Trigger
from harness.boundaries.unfold import Call, Instance

__all__ = ["INFORMATION", "Lint", "lint"]

INFORMATION: Final = frozenset({"NESTED", "EXHAUSTS"})
"""Codes that say how a correct system behaves, rather than what is wrong with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lint:
    """One finding.

    code: stable name of the kind of finding.
    where: a node, an edge as `B->D`, or an effect as `payments.charge`.
    what: what is wrong, or worth knowing.
    fix: what to write or build instead.
    """

    code: str
    where: str
    what: str
    fix: str


def lint(boundaries: Boundaries) -> tuple[Lint, ...]:
    """All findings, in the order of the graph; a node on several paths is named once."""
    found = (
        lint for instance in boundaries.instances.values() for rule in RULES for lint in rule(boundaries, instance)
    )
    return tuple(dict.fromkeys(found))


def _ownership(boundaries: Boundaries, instance: Instance) -> Iterator[Lint]:
    call = instance.call
    because = f": a {call.trigger.kind} trigger is declared, but {call.trigger.flaw}" if call.trigger else ""
    if call.triggered or (call.awaits and call.src):
        return
    if call.src is None:
        yield Lint(
            code="UNOWNED_ROOT",
            where=instance.node.name,
            what=f"nobody starts {instance.node.name} again if it fails{because}",
            fix='give the root an owner: `root = "human"` or "caller", or a trigger on submit',
        )
    else:
        yield Lint(
            code="DANGLING_ASYNC",
            where=_edge(boundaries, call),
            what=f"once {instance.node.name} has acknowledged, nobody drives it again{because}",
            fix="set an effective trigger along the edge (a queue, an inbox), or await its completion",
        )


def _nesting(boundaries: Boundaries, instance: Instance) -> Iterator[Lint]:
    call = instance.call
    if call.attaches and call.src and boundaries.owner[call.src]:
        yield Lint(
            code="NESTED",
            where=_edge(boundaries, call),
            what=f"{instance.node.name} has its own trigger and its caller waits for it",
            fix="a caller that is driven again attaches to the running invocation: give it an id that stays the same",
        )


def _progress(boundaries: Boundaries, instance: Instance) -> Iterator[Lint]:
    for effect in _effects(instance):
        where = f"{instance.node.name}.{effect.name}"
        if instance.node.work == "none" and not effect.tolerable:
            yield Lint(
                code="NOT_PROGRESSABLE",
                where=where,
                what='`work = "none"` says that duplicates do no harm, but this effect does not declare it',
                fix='choose work = "reexec", "inbox" or "log", or declare duplicates = "tolerable"',
            )
        elif effect.sink == "plain" and not effect.tolerable:
            yield Lint(
                code="NO_EXACTLY_ONCE",
                where=where,
                what="every attempt applies, and no record can tell a crash just after it from one just before",
                fix='use a partner that dedupes by key, or declare duplicates = "tolerable"',
            )


def _dual_write(boundaries: Boundaries, instance: Instance) -> Iterator[Lint]:
    boundary = boundaries.boundary_of(instance.name)
    if boundary and not boundary.trigger.is_person:
        return  # whoever drives it again repeats the hand-off
    at_risk = [effect for effect in _effects(instance) if boundary is None or effect.sink == "transactional"]
    for call in instance.calls:
        if at_risk and call.triggered and call.trigger and _is_publish(call.trigger):
            yield Lint(
                code="DUAL_WRITE",
                where=_edge(boundaries, call),
                what=f"a crash between {at_risk[-1].name} and the {call.trigger.kind} leaves one without the other, "
                + ("and nobody repeats it" if boundary is None else "if whoever waits gives up"),
                fix='write the hand-off as an outbox row in the same transaction: `kind = "outbox"`',
            )


def _is_publish(trigger: Trigger) -> bool:
    """Whether it is set in somebody else's store. What a reliable RPC re-drives from is the caller's own record."""
    return trigger.placement == "caller" and trigger.kind not in ("outbox", "inbox", "timer", "rpc")


def _key(boundaries: Boundaries, instance: Instance) -> Iterator[Lint]:
    trigger = instance.call.trigger
    if trigger and trigger.key != "stable":
        yield Lint(
            code="KEY_NOT_STABLE",
            where=_edge(boundaries, instance.call),
            what="each attempt carries a new key, so no partner can recognise a repetition",
            fix="mint the key once per intention and store it with the trigger",
        )


def _dedupe(boundaries: Boundaries, instance: Instance) -> Iterator[Lint]:
    call, boundary = instance.call, boundaries.boundary_of(instance.name)
    if call.triggered and call.trigger and call.trigger.dedupe_s < call.trigger.redelivery_s:
        yield _too_short(_edge(boundaries, call), call.trigger.dedupe_s, call.trigger, "dedupe_s")
    for effect in _effects(instance):
        if boundary and effect.sink == "keyed" and effect.retention_s < boundary.trigger.redelivery_s:
            yield _too_short(f"{instance.node.name}.{effect.name}", effect.retention_s, boundary.trigger, "retention_s")


def _too_short(where: str, forgets_s: float, trigger: Trigger, field: str) -> Lint:
    return Lint(
        code="DEDUPE_TTL",
        where=where,
        what=f"the key is forgotten after {forgets_s:g} s, but the {trigger.kind} may deliver again "
        f"{trigger.redelivery_s:g} s after the first time",
        fix=f"raise {field} above {trigger.redelivery_s:g}, or shorten detection and backoff",
    )


def _time(boundaries: Boundaries, instance: Instance) -> Iterator[Lint]:
    trigger = instance.call.trigger
    if trigger is None or not instance.call.triggered:
        return
    if trigger.lease_s is not None and trigger.lease_s < trigger.work_s and not trigger.fenced:
        yield Lint(
            code="LEASE",
            where=_edge(boundaries, instance.call),
            what=f"the lease ends after {trigger.lease_s:g} s, the work may take {trigger.work_s:g} s: "
            "two attempts act at once",
            fix="fence old attempts with a token, renew the lease, or make it longer than the work",
        )
    if trigger.outage_s < math.inf:
        yield Lint(
            code="EXHAUSTS",
            where=_edge(boundaries, instance.call),
            what=f"it gives up after attempt {trigger.attempts}: completion is promised only for outages "
            f"shorter than {trigger.outage_s:g} s",
            fix='`attempts = "unlimited"`, or a place where exhausted work is seen and driven again',
        )


def _effects(instance: Instance) -> list[Effect]:
    return [step for step in instance.steps if isinstance(step, Effect)]


def _edge(boundaries: Boundaries, call: Call) -> str:
    """The declared edge, whatever path it was met on."""
    return f"{boundaries.instances[call.src].node.name if call.src else 'client'}->{call.name}"


Rule = Callable[[Boundaries, Instance], Iterator[Lint]]
RULES: tuple[Rule, ...] = (_ownership, _nesting, _progress, _dual_write, _key, _dedupe, _time)
