"""P10: each time something is driven again, it carries the payload and the key of the first time.

Seen at taps, for what one process sends to a node, and at the world, for what a handler asks its partner. There the
payload counts only under an unchanged key: then the partner takes it for a repeat of what it knows, and ignores what
has changed. What belongs to the attempt and not to the work (a fencing token, a time) goes into a header.
"""

from __future__ import annotations

from collections.abc import Iterator

from harness.checks.duplicate import duplicate, second_application
from harness.checks.evidence import Evidence, Trail
from harness.checks.property import Code, Judgement, Property
from harness.checks.sight import at_node
from harness.checks.verdict import Violation

__all__ = ["PROPERTY"]

CLIENT = "client->"
TWICE_CODE = "RT102"

CHANGED = Code(
    code="RT214",
    title="driven again with another payload",
    means="A piece of work was driven again, and its request was not the one of the first time. Whoever received both "
    "did one of them, and nobody can say which.",
    causes=(
        "the request is made again from data that has changed, instead of being stored with the trigger",
        "something of the attempt is in the payload: the time, a counter, a new random id",
    ),
    fixes=(
        "store what is to be sent with the trigger, and send that",
        "put what belongs to the attempt into a header",
    ),
    exposed_by=("kill at @recv", "cut reply at @deliver"),
)
REKEYED = Code(
    code="RT209",
    title="driven again under another key",
    means="A piece of work was driven again under a new idempotency key. Nobody who receives it can tell the repeat "
    "from new work; whether the effect takes place twice is a matter of where the first attempt was interrupted.",
    causes=(
        "the key is made where the call is made, and not where the work begins",
        "the key contains the attempt: a counter, a time, a claim's token",
    ),
    fixes=("derive the key from the id of the work and the name of the step, and from nothing else",),
    exposed_by=("kill at @recv", "kill at @applied", "cut reply at @recv"),
)


def check(evidence: Evidence) -> Judgement:
    """Compares the requests that a node got for one work over one link, and those that the world got for one effect."""
    judgement = Judgement(unexercised="nothing that can be seen was driven again")
    for trail in evidence.works.values():
        for node, places, paths in (*_at_taps(evidence, trail), *_at_world(evidence, trail)):
            if len(places) > paths:
                judgement.exercised.add(_boundary(evidence, node))
                judgement.violations += _changes(evidence, trail, node, places, paths)
    return judgement


def _at_taps(evidence: Evidence, trail: Trail) -> Iterator[tuple[str, list[int], int]]:
    """What each process sent to each node, but for the harness's own client."""
    for node in evidence.expectation.nodes:
        links: dict[str, list[int]] = {}
        for place in trail.delivers.get(node.name, ()):
            links.setdefault(evidence.events[place].where, []).append(place)
        yield from ((node.name, places, node.paths) for link, places in links.items() if not link.startswith(CLIENT))


def _at_world(evidence: Evidence, trail: Trail) -> Iterator[tuple[str, list[int], int]]:
    paths = {node.name: node.paths for node in evidence.expectation.nodes}
    for name, places in trail.attempts.items():
        effect = evidence.effects.get(name)
        if effect and effect.sink == "keyed" and effect.duplicates == "never":
            yield effect.node, places, paths.get(effect.node, 1)


def _boundary(evidence: Evidence, node: str) -> str:
    return evidence.boundary_of_node(node)


def _changes(evidence: Evidence, trail: Trail, node: str, places: list[int], paths: int) -> Iterator[Violation]:
    """The first request with one key, or one payload, more than there are ways to the node."""
    rekeyed = _one_too_many(evidence, places, "key", paths)
    changed = _one_too_many(evidence, places, "payload", paths)
    twice = _twice(evidence, trail, evidence.events[places[0]].where)
    if rekeyed is not None and twice:
        yield twice
    elif rekeyed is not None:
        yield _violation(evidence, trail, node, places[0], rekeyed, REKEYED, "key")
    elif changed is not None:
        yield _violation(evidence, trail, node, places[0], changed, CHANGED, "payload")


def _twice(evidence: Evidence, trail: Trail, effect: str) -> Violation | None:
    """The duplicate that a changed key has led to, where it has: that is the fact, and P2 tells it."""
    known = evidence.effects.get(effect)
    second = second_application(evidence, known, trail) if known else None
    if known is None or second is None:
        return None
    return duplicate(evidence, known, trail, second, code=TWICE_CODE, prop=PROPERTY.id)


def _one_too_many(evidence: Evidence, places: list[int], what: str, paths: int) -> int | None:
    known: set[str] = set()
    for place in places:
        said = str(evidence.events[place].data.get(what) or "")
        if said and said not in known and len(known) == paths:
            return place
        known.update({said} - {""})
    return None


def _violation(evidence: Evidence, trail: Trail, node: str, first: int, place: int, code: Code, what: str) -> Violation:
    before, after = (evidence.events[at].data.get(what) for at in (first, place))
    where = evidence.events[place].where
    effect = where if where in evidence.effects else ""
    return at_node(
        evidence,
        trail,
        node,
        (first, place),
        code=code.code,
        prop=PROPERTY.id,
        what=f"{effect or node} was asked for work {trail.work} again with another {what}",
        expected=f"{what} {before}" if what == "key" else "the payload of the first time",
        got=f"{what} {after}" if what == "key" else "another payload",
        likely="the key is made for each attempt" if what == "key" else "the request is made anew for each attempt",
        kind="initial",
        effect=effect,
    )


PROPERTY = Property(
    id="P10",
    name="same initial state",
    statement="each re-drive carries the first invocation's payload and key",
    kind="safety",
    check=check,
    specific=15,
    codes=(CHANGED, REKEYED),
)
