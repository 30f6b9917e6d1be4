"""Choosing the events that tell the story of a violation: few enough to read, in order, the last one decides.

A step that is answered at once is one event (the ANSWER stands for its SUBMIT, the APPLY for its ATTEMPT); where
something came between the two, both stand, because what came between is the story.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from harness.checks.evidence import Evidence, Trail
from harness.history import Event, Kind

__all__ = ["LONGEST_WITNESS", "invoked_again", "witness"]

LONGEST_WITNESS = 16
"""Most events in a witness; of a longer story the first and the last ones are kept."""

_CLOSES = {Kind.ANSWER: Kind.SUBMIT, Kind.APPLY: Kind.ATTEMPT, Kind.ANSWERED: Kind.ATTEMPT}


def witness(evidence: Evidence, trail: Trail, effects: Iterable[str], upto: int, *also: int) -> tuple[int, ...]:
    """The places that tell what happened to one piece of work.

    Args:
        evidence: the indexed history.
        trail: of the work.
        effects: the names of the effects that the story is about.
        upto: the last place that matters.
        also: further places that belong in, such as the reading or the ending that decides.
    """
    about = set(effects)
    own = [index for index in trail.events if index <= upto and _tells(evidence.events[index], about)]
    start = evidence.load if evidence.load is not None else own[0] if own else upto
    places = sorted({*own, *evidence.disturbed(start, upto), *also})
    return _shortened(_joined(evidence.events, _without_echo(evidence.events, places)))


def invoked_again(evidence: Evidence, trail: Trail, upto: int) -> str:
    """The processes that were asked more than once to do something for this work, in words."""
    again = dict.fromkeys(
        _process(evidence, evidence.events[index])
        for index in trail.events
        if index <= upto
        and evidence.events[index].kind in (Kind.DELIVER, Kind.ATTEMPT)
        and evidence.events[index].n > 1
    )
    names = [name for name in again if name]
    if not names:
        return "nothing was invoked again"
    return f"{names[0]} only" if len(names) == 1 else ", ".join(names)


def _process(evidence: Evidence, event: Event) -> str:
    if event.kind is Kind.DELIVER:
        node = str(event.data.get("node", ""))
    else:
        effect = evidence.effects.get(event.where)
        node = effect.node if effect else ""
    return str(event.data.get("process") or evidence.processes.get(node, "") or node)


def _tells(event: Event, about: set[str]) -> bool:
    kind = event.kind
    if kind in (Kind.SUBMIT, Kind.ANSWER, Kind.GIVE_UP):
        return True
    if kind in (Kind.ATTEMPT, Kind.APPLY, Kind.DROP):
        return event.where in about
    return kind is Kind.ANSWERED and event.where in about and _is_telling_answer(event)


def _is_telling_answer(event: Event) -> bool:
    """An answer of the world is worth a line only where it was an error, or said that it knew the call already."""
    return event.data.get("first") is False or int(event.data.get("status") or 0) >= 400


def _without_echo(events: Sequence[Event], places: list[int]) -> list[int]:
    """Leaves out what the fault itself tells (`killed`, `paused`), and healing before the last fault has struck."""
    faults = [index for index in places if events[index].kind is Kind.FAULT]
    struck = {word.partition("/")[0] for index in faults for word in events[index].where.split()[1:2]}
    last = max(faults, default=0)
    return [index for index in places if not _is_echo(events[index], struck, early=index < last)]


def _is_echo(event: Event, struck: set[str], *, early: bool) -> bool:
    if event.kind is Kind.PHASE and event.where == "heal":
        return early or not struck
    told = event.data.get("state") in ("killed", "paused") and event.where in struck
    return event.kind is Kind.PROCESS and told


def _joined(events: Sequence[Event], places: list[int]) -> list[int]:
    pairs = zip(places, [*places[1:], None], strict=True)
    return [place for place, following in pairs if not _closed_by(events, place, following)]


def _closed_by(events: Sequence[Event], place: int, following: int | None) -> bool:
    if following is None:
        return False
    opened, closed = events[place], events[following]
    same = opened.work == closed.work and (opened.where == closed.where or opened.kind is Kind.SUBMIT)
    return same and _CLOSES.get(closed.kind) is opened.kind


def _shortened(places: list[int]) -> tuple[int, ...]:
    if len(places) <= LONGEST_WITNESS:
        return tuple(places)
    half = LONGEST_WITNESS // 2
    return tuple(places[:half] + places[-half:])
