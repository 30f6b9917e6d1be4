"""What the taps and the world show of invocations: which nodes can be seen at all, and how often each was invoked.

A node with a route is seen at its tap. Another one is seen where its first step is an attempt at the world, and a node
with neither only through its store, which tells of triggers and not of invocations.
"""

from __future__ import annotations

from bisect import bisect_left

from harness.checks.evidence import Evidence, Trail
from harness.checks.expectation import ExpectedNode
from harness.checks.verdict import Violation
from harness.checks.witness import invoked_again, witness

__all__ = ["at_node", "in_words", "invocations", "repeats", "tries", "world_effects"]


def world_effects(evidence: Evidence, node: str) -> list[str]:
    """The effects of a node whose attempts the world sees."""
    return evidence.world_effects.get(node, [])


def in_words(evidence: Evidence) -> str:
    """Which nodes can be seen, and where: `orders at its tap, payments at its effects; not relay`."""
    seen, unseen = [], []
    for node in evidence.expectation.nodes:
        if node.routed:
            seen.append(f"{node.name} at its tap")
        elif world_effects(evidence, node.name):
            seen.append(f"{node.name} at its effects")
        else:
            unseen.append(node.name)
    return ", ".join(seen or ["none"]) + (f"; not {', '.join(unseen)}" if unseen else "")


def invocations(evidence: Evidence, node: ExpectedNode, trail: Trail, upto: int) -> list[int]:
    """The places at which invocations of a node for this work surely began.

    Of a node without a route a new one has begun where an effect is attempted after a later one of the same node had
    been. The same effect twice in a row may be one invocation that tries again: its call may have taken too long.
    """
    if node.routed:
        return _before(trail.delivers.get(node.name, []), upto)
    begun: list[int] = []
    done: list[str] = []
    for place in tries(evidence, node, trail, upto):
        effect = evidence.events[place].where
        if not done or effect in done[:-1]:
            begun.append(place)
            done = []
        done += [effect] if effect not in done else []
    return begun


def tries(evidence: Evidence, node: ExpectedNode, trail: Trail, upto: int) -> list[int]:
    """The places of everything that shows a node at work on this work: its invocations, or its attempts."""
    if node.routed:
        return _before(trail.delivers.get(node.name, []), upto)
    effects = world_effects(evidence, node.name)
    return _before(sorted(place for effect in effects for place in trail.attempts.get(effect, ())), upto)


def repeats(evidence: Evidence, node: ExpectedNode, trail: Trail, upto: int) -> list[int]:
    """The invocations beyond those of a run in which nothing goes wrong, the earliest first.

    None of a node without a route to which several ways lead: its invocations cannot be told apart.
    """
    if node.paths > 1 and not node.routed:
        return []
    return invocations(evidence, node, trail, upto)[node.paths :]


def _before(places: list[int], upto: int) -> list[int]:
    return places[: bisect_left(places, upto)]


def at_node(
    evidence: Evidence,
    trail: Trail,
    node: str,
    places: tuple[int, ...],
    *,
    code: str,
    prop: str,
    what: str,
    expected: str,
    got: str,
    likely: str,
    kind: str,
    effect: str = "",
    declared: tuple[str, ...] = (),
) -> Violation:
    """A violation about what one node did, or was asked to do, for one work. places: the last one decides."""
    boundary = evidence.boundary_of_node(node)
    described = evidence.boundaries.get(boundary)
    return Violation(
        code=code,
        property=prop,
        boundary=boundary,
        work=trail.work,
        effect=effect,
        what=what,
        expected=expected,
        got=got,
        likely=likely,
        where_to_look=evidence.processes.get(node, "") or node,
        owner=described.owner if described else "nobody",
        spread=invoked_again(evidence, trail, places[-1]),
        witness=witness(evidence, trail, [effect] if effect else (), places[-1], *places),
        fact=(kind, trail.work, effect or node),
        declared=declared,
    )
