"""The same faults for different systems: in common terms, and aimed at each by its graph.

Placements can only be compared when the same goes wrong. What is the same is said without a name of any service: *the
worker* is the process of the node that lies farthest from the way in and has an effect at the world, *the entry* is the
process that answers the client. Which process and which effect that is in a system follows from its declaration; where
a term means nothing there (a system without a broker has none to kill) that is said, with the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from harness.manifest.model import Effect, Manifest, Node
from harness.plans.gaps import WORK, killable, plan_of, refusable
from harness.plans.model import Fault, Plan, Point

__all__ = ["TERMS", "Term", "common", "shared_effect"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What the terms mean in one system. process: the worker. effect: what it does at the world."""

    process: str
    effect: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """One fault in common terms.

    name: stable, for programs. words: for people. aim: the fault in a system, or why there is none.
    """

    name: str
    words: str
    aim: Callable[[Manifest, Target | None], Fault | str]

    def plan(self, manifest: Manifest, effect: str = "") -> Plan | str:
        """The plan for a system; a reason in words where the term means nothing there.

        Args:
            effect: which effect the worker's faults are about; empty for the one that the graph suggests.
        """
        fault = self.aim(manifest, _target(manifest, effect))
        return fault if isinstance(fault, str) else plan_of(manifest, fault)


def common(manifest: Manifest, effect: str = "") -> list[Plan]:
    """The plans of all terms that mean something in this system."""
    plans = (term.plan(manifest, effect) for term in TERMS)
    return [plan for plan in plans if isinstance(plan, Plan)]


def shared_effect(manifests: Sequence[Manifest]) -> str:
    """The last effect at the world that all these systems have under one name; empty where they share none.

    One that may be refused for good has a fault of its own, so another one tells more.
    """
    refused = {name for manifest in manifests for name in refusable(manifest)}
    named = [[effect.name for _, effect in _forward(manifest)] for manifest in manifests]
    everywhere = set.intersection(*map(set, named)) if named else set()
    shared = [name for name in named[0] if name in everywhere] if named else []
    return next((name for name in reversed(shared) if name not in refused), shared[-1] if shared else "")


def _forward(manifest: Manifest) -> Iterator[tuple[Node, Effect]]:
    """The effects at the world that are no compensations, nearest to the way in first."""
    far = _distances(manifest)
    nodes = sorted(manifest.node, key=lambda node: far.get(node.name, 0))
    yield from ((node, effect) for node in nodes for effect in node.effects if effect.at and not effect.compensates)


def _distances(manifest: Manifest) -> dict[str, int]:
    """How many edges lie between the way in and each node, at least."""
    entry = manifest.submit.node if manifest.submit else ""
    far, queue = {entry: 0}, [entry]
    while queue:
        new = [e.to for node in queue for e in manifest.edge if e.from_ == node and e.to not in far]
        far |= dict.fromkeys(new, far[queue[0]] + 1)
        queue = list(dict.fromkeys(new))
    return far


def _target(manifest: Manifest, effect: str) -> Target | None:
    forward = list(_forward(manifest))
    chosen = [(node, each) for node, each in forward if each.name == effect] or [
        (node, each) for node, each in forward if forward and node.name == forward[-1][0].name
    ]
    return Target(process=chosen[-1][0].process, effect=chosen[-1][1].name) if chosen else None


# --- the terms -------------------------------------------------------------------------------------------------------

NO_EFFECT = "no effect at the world"
NO_PROCESS = "the process is not the harness's to kill"


def _entry(manifest: Manifest) -> str:
    """The process that answers the client."""
    submit = manifest.submit
    return next((node.process for node in manifest.node if submit and node.name == submit.node), "")


def _lost_at_entry(direction: str) -> Callable[[Manifest, Target | None], Fault | str]:
    def aim(manifest: Manifest, _: Target | None) -> Fault | str:
        submit = manifest.submit
        if submit is None:
            return "no way in is declared"
        taker = submit.publish.resource if submit.publish else submit.through
        if taker:
            point, link = Point(name="submit", work=WORK), f"client->{taker}"
        else:
            point, link = Point(name="deliver", where=submit.node, work=WORK), f"client->{_entry(manifest)}"
        return Fault(verb="cut", direction=direction, target=link, point=point)

    return aim


def _killed_when_accepted(manifest: Manifest, _: Target | None) -> Fault | str:
    if _entry(manifest) not in _killable(manifest):
        return NO_PROCESS
    return Fault(verb="kill", target=_entry(manifest), point=Point(name="answer", work=WORK))


def _worker_killed(point: str) -> Callable[[Manifest, Target | None], Fault | str]:
    def aim(manifest: Manifest, target: Target | None) -> Fault | str:
        if target is None:
            return NO_EFFECT
        if target.process not in _killable(manifest):
            return NO_PROCESS
        return Fault(verb="kill", target=target.process, point=Point(name=point, where=target.effect, work=WORK))

    return aim


def _partner_reply_lost(manifest: Manifest, target: Target | None) -> Fault | str:
    if target is None:
        return NO_EFFECT
    point = Point(name="recv", where=target.effect, work=WORK)
    return Fault(verb="cut", direction="reply", target=f"{target.process}->world", point=point)


def _store_killed(manifest: Manifest, target: Target | None) -> Fault | str:
    if target is None:
        return NO_EFFECT
    if not manifest.resource:
        return "no store of its own: triggers live in the files of its processes"
    point = Point(name="recv", where=target.effect, work=WORK)
    return Fault(verb="kill", target=manifest.resource[0].name, point=point)


def _refused(manifest: Manifest, _: Target | None) -> Fault | str:
    names = refusable(manifest)
    found = next(((node, e) for node, e in _forward(manifest) if e.name in names), None)
    if found is None:
        return "no effect is declared that may be refused for good"
    point = Point(name="recv", where=found[1].name, work=WORK)
    return Fault(verb="reject", target=f"{found[0].process}->world", point=point)


def _killable(manifest: Manifest) -> list[str]:
    return [process.name for process in killable(manifest)]


TERMS = (
    Term(name="request_lost", words="the client's request is lost", aim=_lost_at_entry("request")),
    Term(name="answer_lost", words="the answer to the client is lost", aim=_lost_at_entry("reply")),
    Term(name="entry_killed", words="the entry is killed once it has accepted", aim=_killed_when_accepted),
    Term(name="before_effect", words="the worker is killed before its effect", aim=_worker_killed("recv")),
    Term(name="after_effect", words="the worker is killed after its effect", aim=_worker_killed("applied")),
    Term(name="partner_silent", words="the partner's answer to the worker is lost", aim=_partner_reply_lost),
    Term(name="store_killed", words="the store of the triggers is killed", aim=_store_killed),
    Term(name="refused", words="the partner refuses for good", aim=_refused),
)
"""In the order in which a piece of work meets them."""
