"""Which words of the manifest a violation rests on: either they are wrong, or what was built is.

A place in the manifest is told as names from the outside in: `("edge", "orders->payments", "awaits")`. The checks know
no manifest, so these are the names of the contract; `harness.manifest.where` finds the line.
"""

from __future__ import annotations

from harness.checks.expectation import Expectation
from harness.checks.verdict import Violation

__all__ = ["rests_on"]

CLIENT = "client"
ON_SINK = ("RT102", "RT107")
ON_AWAITS = ("RT103",)
ON_TRIGGER = ("RT101", "RT201", "RT202", "RT203", "RT204", "RT205", "RT206", "RT212", "RT213")
ON_CALL = ("RT301",)
ON_ATTEMPTS = ("RT210",)


def rests_on(expectation: Expectation, violation: Violation) -> tuple[str, ...]:
    """The place in the manifest, or nothing where no single one is at stake."""
    if violation.declared:
        return violation.declared
    if violation.code in ON_SINK and violation.effect:
        return ("effect", violation.effect, "sink")
    node = _node_of(expectation, violation)
    if violation.code in ON_AWAITS:
        return _call_to(expectation, node, "awaits")
    if violation.code in ON_CALL:
        return _call_to(expectation, node, "trigger" if _has_trigger(expectation, node) else "awaits")
    if violation.code in ON_ATTEMPTS:
        return _call_to(
            expectation, node, *(("trigger", "attempts") if _has_trigger(expectation, node) else ("retries",))
        )
    return _trigger_of(expectation, violation.boundary, node) if violation.code in ON_TRIGGER else ()


def _node_of(expectation: Expectation, violation: Violation) -> str:
    """The node that a violation is about: that of its effect, or the one that its fact names."""
    made_by = {effect.name: effect.node for effect in expectation.effects}
    return made_by.get(violation.effect) or violation.fact[2]


def _has_trigger(expectation: Expectation, node: str) -> bool:
    return any(call.callee == node and call.boundary and call.caller != CLIENT for call in expectation.calls)


def _call_to(expectation: Expectation, node: str, *key: str) -> tuple[str, ...]:
    """The edge into a node; where work enters there is none, and what counts as accepted is at stake."""
    calls = [call for call in expectation.calls if call.callee == node and call.caller != CLIENT]
    if calls:
        return ("edge", calls[0].name, *key)
    return ("submit", "accepted") if node == expectation.submit_node else ("node", node)


def _trigger_of(expectation: Expectation, boundary: str, node: str) -> tuple[str, ...]:
    """The edge along which the trigger is set; of unowned work the edge that sets none, of a person's the way in."""
    set_by = [call for call in expectation.calls if call.boundary == boundary and boundary]
    if not set_by:
        return _call_to(expectation, node, "awaits")
    return ("submit", "root") if set_by[0].caller == CLIENT else ("edge", set_by[0].name, "trigger")
