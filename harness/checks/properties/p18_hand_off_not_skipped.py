"""P18: a node that did its own work and is complete has set the trigger of everybody it hands work to.

Judged at the end of the drain, where "not yet" means "never": its effects are there, and the next node was not seen in
any way, neither its trigger in a store nor an invocation nor an effect.
"""

from __future__ import annotations

from collections.abc import Iterator

from harness.checks.evidence import Evidence, Trail
from harness.checks.expectation import ExpectedCall, ExpectedEffect
from harness.checks.missing import missing, missing_at
from harness.checks.property import Code, Judgement, Property

__all__ = ["PROPERTY"]

SKIPPED = Code(
    code="RT213",
    title="hand-off skipped",
    means="A node did its own effect for a piece of work and never handed it on: the next node's trigger was not set, "
    "and nothing that is left would set it.",
    causes=(
        "a dual write: the effect, or the record of it, is one commit, and the publish another; it died in between",
        "a repeat finds its own work done and returns early, without the hand-off",
        "the work is marked as done before it is handed on",
    ),
    fixes=(
        "put the hand-off into the transaction of the record (an outbox), and let something empty it",
        "mark as done last; let a repeat go through every step that may be missing",
    ),
    exposed_by=("kill at @applied of the last effect before the hand-off", "refuse the link to the broker"),
)


def check(evidence: Evidence) -> Judgement:
    """Goes through the hand-offs of each accepted work."""
    judgement = Judgement(unexercised="no node with an effect of its own hands work to one that can be seen")
    ending = evidence.drain
    for trail in evidence.works.values():
        owed = trail.first_ok is not None and trail.first_ok < ending.index
        for call, own, behind in _hand_offs(evidence) if owed else ():
            if missing_at(evidence, trail, own, ending):
                continue
            absent = missing_at(evidence, trail, behind, ending)
            if len(absent) < len(behind) or _was_seen(evidence, trail, call, behind):
                judgement.exercised.add(call.boundary)
            elif ending.decides and not ending.after.get(trail.work):
                _tell(evidence, trail, call, own, behind, judgement)
    return judgement


def _hand_offs(evidence: Evidence) -> Iterator[tuple[ExpectedCall, list[ExpectedEffect], list[ExpectedEffect]]]:
    """The hand-offs from a node with effects, those effects, and the ones that must follow."""
    for call in evidence.expectation.calls:
        own = [effect for effect in evidence.effects.values() if effect.node == call.caller]
        behind = evidence.effects_of(call.boundary) if call.boundary and not call.awaits else []
        if own and behind:
            yield call, own, behind


def _was_seen(evidence: Evidence, trail: Trail, call: ExpectedCall, behind: list[ExpectedEffect]) -> bool:
    """Whether anything shows that the trigger was set: in its store, an invocation, or an attempt behind it."""
    stored = call.name in trail.pending or trail.work in evidence.ever_held.get(call.name, ())
    invoked = {call.callee, *(effect.node for effect in behind)} & trail.delivers.keys()
    return stored or bool(invoked) or any(effect.name in trail.attempts for effect in behind)


def _tell(
    evidence: Evidence,
    trail: Trail,
    call: ExpectedCall,
    own: list[ExpectedEffect],
    behind: list[ExpectedEffect],
    judgement: Judgement,
) -> None:
    done = " and ".join(effect.name for effect in own)
    first = [effect for effect in behind if effect.boundary == call.boundary] or behind
    judgement.violations.append(
        missing(
            evidence,
            trail,
            first,
            evidence.drain,
            code=SKIPPED.code,
            prop=PROPERTY.id,
            what=f"{call.caller} did {done} for work {trail.work} and never handed it to {call.callee}",
            expected=f"{call.name} set once {done} is done",
            got="0 times, and its trigger was never seen",
            likely="the effect and the hand-off are two writes, and something came between them",
        )
    )


PROPERTY = Property(
    id="P18",
    name="hand-off not skipped",
    statement="a node whose effects are applied and that is complete has set the triggers of those it hands work to",
    kind="quiescence",
    check=check,
    specific=32,
    codes=(SKIPPED,),
)
