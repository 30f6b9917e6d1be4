"""The effect ledger: who tried what how often, and how often it really took effect.

A row for each piece of work and effect; a hollow dot for an attempt that changed nothing, a solid dot for an attempt
that took effect. One solid dot is right. Two are a duplicate, none is a loss. It counts what the world saw, never what
a service says of itself.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass

from markupsafe import Markup

from harness.history import Event, History, Kind
from harness.report.svg import clip, picture, tag

__all__ = ["Dot", "Entry", "draw_ledger", "read_ledger"]

ROW_PX = 34
SLOT_PX = 92
MAX_DOTS = 5
MAX_ROWS = 24
DOTS_AT_PX = 330
TIMES = ("never", "once", "twice")


@dataclass(frozen=True, slots=True, kw_only=True)
class Dot:
    """An attempt. at_s: when the world received it, None where effects were only counted afterwards."""

    at_s: float | None
    applied: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What became of one effect of one piece of work. answer: ok | rejected | unknown, as the client received it."""

    work: str
    effect: str
    answer: str
    dots: tuple[Dot, ...]

    @property
    def applied(self) -> int:
        """How often it took effect."""
        return sum(dot.applied for dot in self.dots)

    @property
    def outcome(self) -> str:
        """Duplicate, loss, or what else is to be said, in words."""
        if self.applied > 1:
            return f"took effect {_times(self.applied)}"
        if self.applied == 1:
            return "once" if len(self.dots) == 1 else f"once, in {len(self.dots)} attempts"
        return {"ok": "never, though acknowledged", "rejected": "never, and it was rejected"}.get(
            self.answer, "never, and never acknowledged"
        )

    @property
    def suspicious(self) -> bool:
        """Two or more, or none although acknowledged. Whether that is a violation is for the checks to say."""
        return self.applied > 1 or (self.applied == 0 and self.answer == "ok")


def read_ledger(history: History, effects: Collection[str] = ()) -> list[Entry]:
    """The entries of a history, in the order of submission.

    Args:
        history: of one case.
        effects: names that every piece of work is expected to cause; one that nobody attempted shows as an empty row.
    """
    attempts: dict[tuple[str, str], list[Event]] = defaultdict(list)
    applied: dict[tuple[str, str], set[int]] = defaultdict(set)
    counted: dict[tuple[str, str], int] = {}
    answers: dict[str, str] = {}
    for event in history:
        key = (event.work, event.where)
        match event.kind:
            case Kind.SUBMIT:
                answers.setdefault(event.work, "unknown")
            case Kind.ANSWER if answers.get(event.work, "unknown") == "unknown":
                answers[event.work] = str(event.data.get("outcome", "unknown"))
            case Kind.ATTEMPT:
                attempts[key].append(event)
            case Kind.APPLY:
                applied[key].add(int(event.data.get("attempt", event.n)))
            case Kind.ROWS:
                counted |= {(work, event.where): int(n) for work, n in event.data.get("counts", {}).items()}
    declared = [(work, effect) for work in answers for effect in effects]
    keys = dict.fromkeys([*declared, *attempts, *applied, *counted])
    return [
        Entry(work=key[0], effect=key[1], answer=answers.get(key[0], "never submitted"),
              dots=_dots(attempts[key], applied[key], counted.get(key, 0)))
        for key in keys
    ]  # fmt: skip


def _dots(attempts: list[Event], applied: set[int], counted: int) -> tuple[Dot, ...]:
    """Attempts in order; applications and counted rows that no attempt explains follow as dots without a time."""
    seen = [Dot(at_s=event.at_s, applied=event.n in applied) for event in attempts]
    known = sum(dot.applied for dot in seen)
    unexplained = max(len(applied), counted) - known
    return (*seen, *[Dot(at_s=None, applied=True)] * unexplained)


def draw_ledger(identity: str, entries: list[Entry], guilty: Collection[str] = ()) -> Markup:
    """The ledger as a picture.

    Args:
        identity: unique on the page.
        entries: as read; those of guilty works and suspicious ones are drawn first, and those that do not fit counted.
        guilty: work keys that a finding names.
    """
    ranked = sorted(entries, key=lambda e: (e.work not in guilty, not e.suspicious, len(e.dots) < 2))
    shown = ranked[:MAX_ROWS]
    slots = max([min(len(entry.dots), MAX_DOTS + 1) for entry in shown], default=1)
    outcome_px = DOTS_AT_PX + max(2, slots) * SLOT_PX
    rows = [_row(entry, place, outcome_px, entry.work in guilty) for place, entry in enumerate(shown)]
    left_out = len(entries) - len(shown)
    if left_out:
        note = f"and {left_out} more rows, {_left_out_words(ranked[MAX_ROWS:])}"
        rows.append(tag("text", note, class_="muted", x=16, y=_row_px(len(shown)) + 5))
    described = "; ".join(f"{entry.work} {entry.effect}: {entry.outcome}" for entry in shown)
    return picture(
        identity, "Effect ledger", described or "No piece of work was submitted.",
        outcome_px + 260, _row_px(len(rows)) - 4, *_headings(outcome_px), *rows,
    )  # fmt: skip


def _row_px(place: int) -> float:
    return 56 + place * ROW_PX


def _headings(outcome_px: float) -> list[Markup]:
    columns = (
        (16, "work"),
        (106, "effect"),
        (236, "client got"),
        (DOTS_AT_PX, "attempts"),
        (outcome_px, "took effect"),
    )
    return [tag("text", name, class_="heading", x=x, y=22) for x, name in columns]


def _row(entry: Entry, place: int, outcome_px: float, guilty: bool) -> Markup:
    y, wrong = _row_px(place), guilty and entry.suspicious
    texts = (
        (16, clip(entry.work, 84), "strong"),
        (106, clip(entry.effect, 122), ""),
        (236, clip(entry.answer, 88), "muted"),
        (outcome_px + (24 if wrong else 0), entry.outcome, "strong" if wrong else ""),
    )
    parts = [tag("text", text, class_=style or None, x=x, y=y + 4.5) for x, text, style in texts]
    if guilty:
        parts.insert(0, tag("rect", class_="guilty", x=4, y=y - 16, width=outcome_px + 248, height=ROW_PX - 2, rx=6))
    if wrong:
        parts.append(tag("path", class_="cross", d=f"M{outcome_px + 3} {y - 5}l10 10m0 -10l-10 10"))
    return tag(
        "g", tag("title", f"{entry.work} {entry.effect}: {entry.outcome}"), *parts, *_draw_dots(entry, y),
        class_="entry", data_work=entry.work, data_effect=entry.effect,
    )  # fmt: skip


def _draw_dots(entry: Entry, y: float) -> list[Markup]:
    """At most so many, applications before mere attempts, in the order of time."""
    preferred = sorted(range(len(entry.dots)), key=lambda place: not entry.dots[place].applied)[:MAX_DOTS]
    few = [entry.dots[place] for place in sorted(preferred)]
    drawn: list[Markup] = []
    for place, dot in enumerate(few):
        x = DOTS_AT_PX + 8 + place * SLOT_PX
        drawn.append(tag("circle", class_="applied" if dot.applied else "attempt", cx=x, cy=y, r=7))
        if dot.at_s is not None:
            drawn.append(tag("text", f"{dot.at_s * 1000:.0f} ms", class_="small muted", x=x + 13, y=y + 4))
    if len(few) < len(entry.dots):
        x = DOTS_AT_PX + len(few) * SLOT_PX
        drawn.append(tag("text", f"and {len(entry.dots) - len(few)} more", class_="small muted", x=x, y=y + 4))
    return drawn


def _left_out_words(entries: list[Entry]) -> str:
    return "each once" if all(entry.applied == 1 for entry in entries) else "not each once"


def _times(count: int) -> str:
    return TIMES[count] if count < len(TIMES) else f"{count} times"
