"""The human as an owner: he is a root trigger only while he waits, and only if his key is that of his intention.

Who gives up leaves his boundary without an owner; what becomes of his work then is open, and no fault of the service.
Who takes a new key has asked for two pieces of work; that the effect came twice is no fault of the service either.
"""

from __future__ import annotations

from collections.abc import Iterator

from harness.checks.evidence import Evidence, Trail
from harness.checks.expectation import ExpectedBoundary, ExpectedEffect
from harness.history import Kind

__all__ = ["gave_up", "left_alone", "took_a_new_key"]


def left_alone(evidence: Evidence) -> Iterator[str]:
    """A sentence for each piece of work whose owner gave up: what nobody owned from there on, and how it ended."""
    for trail in evidence.works.values():
        if gave_up(evidence, trail):
            owned = _owned(evidence)
            nodes = ", ".join(owned.nodes) if owned else evidence.expectation.submit_node
            yield (
                f"whoever submitted {trail.work} gave up without an answer: from there on nobody owned {nodes} for it; "
                f"{_ended(evidence, trail, owned.name if owned else '')}"
            )


def gave_up(evidence: Evidence, trail: Trail) -> bool:
    """Whether the client stopped waiting for this work before the drain ended."""
    return any(evidence.events[index].kind is Kind.GIVE_UP for index in trail.events if index < evidence.drain.limit)


def took_a_new_key(evidence: Evidence, trail: Trail) -> bool:
    """Whether the client sent this work under more than one key."""
    events = (evidence.events[index] for index in trail.events)
    return any(event.kind is Kind.FAULT and event.where.startswith("new key") for event in events)


def _owned(evidence: Evidence) -> ExpectedBoundary | None:
    """The boundary of whoever stands at the edge."""
    root = evidence.expectation.submit_node
    return next((b for b in evidence.boundaries.values() if b.placement == "root" and b.target == root), None)


def _ended(evidence: Evidence, trail: Trail, boundary: str) -> str:
    """How far that boundary came all the same."""
    effects: list[ExpectedEffect] = [e for e in evidence.expected_effects() if e.boundary == boundary]
    counts = [evidence.applied(effect, trail, evidence.drain) for effect in effects]
    if not effects:
        return "it has no effects of its own"
    if None in counts:
        return "how it ended was not read"
    done = sum(map(bool, counts))
    return {0: "none of it was done", len(counts): "all of it was done"}.get(done, "a part of it was done")
