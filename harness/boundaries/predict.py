"""Algorithm 2: which invocations a single fault adds to a run without faults.

Somebody notices, walks up the awaited calls to the nearest instance that is driven again, and everything on that way is
done once more, with whatever the repeated prefixes call. A prediction has three parts: `must` happen, `may` happen, and
must not. `harness.boundaries.simulate` runs the same faults step by step and has to come to the same counts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

from harness.boundaries.derive import Boundaries
from harness.boundaries.faults import Fault, Meaning, Phase, What
from harness.boundaries.graph import Effect
from harness.boundaries.unfold import Call

__all__ = ["Again", "Prediction", "consequences", "predict"]

Key = TypeVar("Key")
AttemptKey = tuple[str, str]
"""An instance and the name of one of its effects."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Again:
    """What one exact fault adds.

    invocations: extra invocations by instance.
    attempts: extra attempts by instance and effect.
    redriven: the instance that is invoked anew from above, or None where nobody does it.
    owner: the boundary whose trigger does it; None for a caller's own retry, or nobody.
    stranded: nobody will ever complete the work.
    """

    invocations: Counter[str]
    attempts: Counter[AttemptKey]
    redriven: str | None = None
    owner: str | None = None
    stranded: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """What a fault adds, as a range over everything that its sentence leaves open.

    must: extra invocations that happen in any case.
    may: further ones beyond `must`, at most that many.
    must_not: all other instances.
    attempts: fewest and most extra attempts of the effects that may be tried again.
    owner: the boundary that drives the work again; None where it depends, or where no trigger does.
    retried_in_situ: a caller's own retry recovers it, so no trigger has to.
    stranded: at least at one of the points nobody completes the work.
    always_stranded: at all of them.
    """

    must: Mapping[str, int]
    may: Mapping[str, int]
    must_not: tuple[str, ...]
    attempts: Mapping[AttemptKey, tuple[int, int]]
    owner: str | None
    retried_in_situ: bool
    stranded: bool
    always_stranded: bool


def predict(boundaries: Boundaries, meaning: Meaning) -> Prediction:
    """The extra invocations of a fault, over all the points that it may mean."""
    surely = [consequences(boundaries, fault) for fault in meaning.faults]
    outcomes = [
        [again, *_variants(boundaries, fault, again, meaning)]
        for fault, again in zip(meaning.faults, surely, strict=True)
    ]
    chains = [_head(boundaries, fault.at) if meaning.several else "" for fault in meaning.faults]
    least = _fewest([again.invocations for again in surely]) if meaning.certain else Counter()
    most = _together(chains, [_most(again.invocations for again in outcome) for outcome in outcomes])
    fewest_attempts = _fewest([again.attempts for again in surely]) if meaning.certain else Counter()
    most_attempts = _together(chains, [_most(again.attempts for again in outcome) for outcome in outcomes])
    owners = {again.owner for again in surely}
    return Prediction(
        must={name: least[name] for name in boundaries.instances if least[name]},
        may={name: most[name] - least[name] for name in boundaries.instances if most[name] > least[name]},
        must_not=tuple(name for name in boundaries.instances if not most[name]),
        attempts={key: (fewest_attempts[key], most) for key, most in most_attempts.items()},
        owner=owners.pop() if len(owners) == 1 else None,
        retried_in_situ=all(again.redriven and not again.owner for again in surely),
        stranded=any(again.stranded for again in surely),
        always_stranded=all(again.stranded for again in surely),
    )


def consequences(boundaries: Boundaries, fault: Fault, *, in_situ: bool = True) -> Again:
    """What one exact fault adds.

    Args:
        boundaries: the derived graph.
        fault: the point.
        in_situ: callers that declare retries are alive and their retries succeed.
    """
    match fault.what:
        case What.CRASH:
            return _after_crash(boundaries, fault, in_situ=in_situ)
        case What.REQUEST_LOST:
            return _after_lost_call(boundaries, boundaries.instances[fault.at].call)
        case What.UNSET:
            return _after_unset(boundaries, boundaries.instances[fault.at].call)
        case What.REPLY_LOST:
            return _after_lost_reply(boundaries, boundaries.instances[fault.at].call)


def _after_crash(boundaries: Boundaries, fault: Fault, *, in_situ: bool) -> Again:
    path = _path_from_redriven(boundaries, fault.at, dead=fault.dead, in_situ=in_situ)
    if path is None:
        return _stranded()
    redo = _Redo(boundaries)
    for caller, callee in pairwise(path):
        steps = boundaries.instances[caller].steps
        redo.prefix(caller, Phase(complete=steps.index(boundaries.instances[callee].call)))
    redo.prefix(fault.at, fault.phase)
    return redo.result(path[0])


def _path_from_redriven(
    boundaries: Boundaries, name: str, *, dead: frozenset[str] = frozenset(), in_situ: bool = True
) -> list[str] | None:
    """The instances from the one that is invoked anew down to `name`, or None where nobody does that."""
    path = [name]
    while not (call := boundaries.instances[path[0]].call).triggered:
        if not call.awaits or call.src is None:
            return None
        if call.retries and in_situ and call.src not in dead:
            break  # the caller's own loop comes first, and needs no owner
        path.insert(0, call.src)
    return path


def _after_lost_call(boundaries: Boundaries, call: Call) -> Again:
    """The call failed and had no effect: the caller tries again itself, or fails just before this step."""
    if call.src is None:
        roots = {root.node: root.client_retries for root in boundaries.graph.roots}
        return _retried(boundaries, call) if roots.get(call.dst) else _stranded()
    if call.retries:
        return _retried(boundaries, call)
    done = boundaries.instances[call.src].steps.index(call)
    return consequences(boundaries, Fault(what=What.CRASH, at=call.src, phase=Phase(complete=done)))


def _after_unset(boundaries: Boundaries, call: Call) -> Again:
    """As a lost call, but the callee did run, unless the trigger is set without it."""
    again = _after_lost_call(boundaries, call)
    if not again.stranded and not (call.trigger and call.trigger.placement == "caller"):
        again.invocations[call.dst] += 1
    return again


def _after_lost_reply(boundaries: Boundaries, call: Call) -> Again:
    """As a lost call, and what had been done is asked for once more."""
    again = _after_lost_call(boundaries, call)
    if again.stranded:
        # Without a client who asks again, the submission still did its work: nothing is repeated, nothing is lost.
        return again if call.src else Again(invocations=Counter(), attempts=Counter())
    redo = _Redo(boundaries)
    redo.step(call.dst, call)
    return Again(
        invocations=again.invocations + redo.invocations,
        attempts=again.attempts + redo.attempts,
        redriven=again.redriven,
        owner=again.owner,
    )


def _retried(boundaries: Boundaries, call: Call) -> Again:
    """The caller repeats the call; at the root that may be the very person who owns the work."""
    is_owner = call.src is None and call.trigger is not None and call.trigger.is_person
    owner = boundaries.owner[call.dst] if is_owner else None
    return Again(invocations=Counter(), attempts=Counter(), redriven=call.dst, owner=owner)


def _stranded() -> Again:
    return Again(invocations=Counter(), attempts=Counter(), stranded=True)


class _Redo:
    """Counts what is done again."""

    def __init__(self, boundaries: Boundaries) -> None:
        self.boundaries = boundaries
        self.invocations: Counter[str] = Counter()
        self.attempts: Counter[AttemptKey] = Counter()

    def prefix(self, name: str, phase: Phase) -> None:
        """An incomplete instance is invoked again; a step log serves what it had recorded."""
        instance = self.boundaries.instances[name]
        self.invocations[name] += 1
        for place, step in enumerate(instance.steps[: phase.complete]):
            in_log = place < phase.complete - 1 or phase.logged
            if not (instance.node.work == "log" and in_log):
                self.step(name, step)

    def step(self, name: str, step: Effect | Call) -> None:
        """One completed step is taken again. A nested callee is only attached to."""
        if isinstance(step, Effect):
            self.attempts[name, step.name] += 1
        elif not step.attaches:
            self.whole(step.dst)

    def whole(self, name: str) -> None:
        """A complete instance is invoked again: `inbox` and `log` answer from their record, the others do it all."""
        instance = self.boundaries.instances[name]
        self.invocations[name] += 1
        if instance.node.work in ("reexec", "none"):
            for step in instance.steps:
                self.step(name, step)

    def result(self, redriven: str) -> Again:
        """What was counted, begun at the instance that is invoked anew."""
        triggered = self.boundaries.instances[redriven].call.triggered
        owner = self.boundaries.owner[redriven] if triggered else None
        return Again(invocations=self.invocations, attempts=self.attempts, redriven=redriven, owner=owner)


def _variants(boundaries: Boundaries, fault: Fault, again: Again, meaning: Meaning) -> Iterator[Again]:
    """What else can happen where a caller runs out of retries or patience, or the old frame acts on."""
    if fault.what is What.CRASH:
        yield consequences(boundaries, fault, in_situ=False)
    if again.owner:
        yield from _impatience(boundaries, again)
    if meaning.overlap and fault.what is What.CRASH:
        yield _with_old_frame(boundaries, fault, again)


def _impatience(boundaries: Boundaries, again: Again) -> Iterator[Again]:
    """A person further up who waits for a nested boundary calls again if recovery outlasts his patience."""
    head = again.redriven
    while head and (call := boundaries.instances[head].call).attaches and call.src:
        recovery_s = call.trigger.round_s if call.trigger else 0.0
        path = _path_from_redriven(boundaries, call.src, in_situ=False)
        outer = boundaries.boundary_of(call.src)
        if outer and outer.trigger.is_person and recovery_s > outer.trigger.max_detect_s:
            extra = _after_lost_call(boundaries, call)
            yield Again(
                invocations=again.invocations + extra.invocations,
                attempts=again.attempts + extra.attempts,
                owner=again.owner,
            )
        head = path[0] if path else None


def _with_old_frame(boundaries: Boundaries, fault: Fault, again: Again) -> Again:
    """A paused frame wakes up after it was replaced and takes its remaining steps as well.

    With a step log it gets no further than its current step: the log refuses the record of a frame that was replaced.
    """
    old = _Redo(boundaries)
    instance = boundaries.instances[fault.at]
    left = instance.steps[fault.phase.complete :]
    if instance.node.work == "log":
        left = left[:1] if fault.phase.logged else ()
    for step in left:
        old.step(fault.at, step)
    return Again(
        invocations=again.invocations + old.invocations, attempts=again.attempts + old.attempts, stranded=again.stranded
    )


def _head(boundaries: Boundaries, name: str) -> str:
    """The first instance of the chain of plain awaited calls that `name` is on."""
    call = boundaries.instances[name].call
    return _head(boundaries, call.src) if call.src and call.awaits and not call.triggered else name


def _together(chains: list[str], counts: list[Counter[Key]]) -> Counter[Key]:
    """The most that can happen: instances on one chain of calls exclude each other, chains add up."""
    worst: dict[str, Counter[Key]] = {}
    for chain, count in zip(chains, counts, strict=True):
        worst[chain] = worst.get(chain, Counter()) | count
    return sum(worst.values(), Counter())


def _most(counts: Iterable[Counter[Key]]) -> Counter[Key]:
    most: Counter[Key] = Counter()
    for count in counts:
        most |= count
    return most


def _fewest(counts: list[Counter[Key]]) -> Counter[Key]:
    fewest = counts[0].copy() if counts else Counter()
    for count in counts:
        fewest &= count
    return fewest
