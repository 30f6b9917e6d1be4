"""Space-time lanes: time runs down, a lane for each process, client and world, messages slanted between them.

Every row of the picture has one mark and one sentence beside it, so labels cannot collide however much happens at the
same millisecond. Rows are evenly spaced; longer silences are shortened, marked on the axis and written out.
"""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from harness.report.svg import clip, picture, tag, text_width_px, wrap
from harness.report.timeline import Lane, Message, Row, Timeline

__all__ = ["draw_lanes"]

AXIS_PX = 84
GUTTER_PX = 48
WIDTH_PX = 1130
TEXT_PX = (400.0, 560.0)
ROW_PX = 30
LINE_PX = 17
SILENCE_PX = 30
SILENCE_S = 0.025
HEAD_PX = 92
SLANT_PX = 13
BAND_MARGIN_PX = 6


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where everything stands: x of each lane, y of each row, lines of its sentence."""

    lane_x: dict[str, float]
    spacing: float
    text_x: float
    row_y: list[float]
    lines: list[list[str]]
    width: float
    height: float


def draw_lanes(identity: str, timeline: Timeline, palette: dict[str, int]) -> Markup:
    """The picture of one case.

    Args:
        identity: unique on the page.
        timeline: what happened.
        palette: the colour number of each boundary by its target, the same as on the map.
    """
    layout = _lay_out(timeline)
    sentences = "; ".join(f"{row.at_s * 1000:.0f} ms {row.text}" for row in timeline.rows if row.mark != "phase")
    return picture(
        identity, "Space-time lanes of the case", sentences, layout.width, layout.height,
        *_bands(timeline.lanes, layout, palette),
        *[_backdrop(row, place, layout) for place, row in enumerate(timeline.rows)],
        *_lives(timeline, layout), *_heads(timeline.lanes, layout), *_axis(timeline.rows, layout),
        *[_message(message, layout) for message in timeline.messages],
        *[_row(row, place, layout) for place, row in enumerate(timeline.rows)],
    )  # fmt: skip


def _lay_out(timeline: Timeline) -> _Layout:
    widest = max((text_width_px(lane.name, 13) for lane in timeline.lanes), default=60)
    room = (WIDTH_PX - AXIS_PX - TEXT_PX[0] - GUTTER_PX) / max(1, len(timeline.lanes))
    spacing = max(64.0, min(136.0, room, max(108.0, widest + 20)))
    lane_x = {lane.name: AXIS_PX + spacing * (place + 0.5) for place, lane in enumerate(timeline.lanes)}
    text_x = AXIS_PX + spacing * len(timeline.lanes) + GUTTER_PX
    text_px = min(TEXT_PX[1], max(TEXT_PX[0], WIDTH_PX - text_x))
    y, previous_s, row_y, lines = HEAD_PX + 26.0, None, [], []
    for row in timeline.rows:
        told = wrap(row.text, text_px - 12, 13.5 if row.strong else 13)
        if previous_s is not None:
            y += ROW_PX + (SILENCE_PX if row.at_s - previous_s > SILENCE_S else 0)
        row_y.append(y)
        lines.append(told)
        y += LINE_PX * (len(told) - 1)
        previous_s = row.at_s
    return _Layout(lane_x, spacing, text_x, row_y, lines, text_x + text_px, y + 34)


def _bands(lanes: tuple[Lane, ...], layout: _Layout, palette: dict[str, int]) -> list[Markup]:
    """A shaded band behind the lanes of each boundary; neighbours of the same boundary share one."""
    drawn: list[Markup] = []
    for target, colour in palette.items():
        runs: list[list[Lane]] = []
        for place, lane in enumerate(lanes):
            if target in lane.boundaries:
                joins = place > 0 and runs and runs[-1][-1] is lanes[place - 1]
                runs[-1].append(lane) if joins else runs.append([lane])
        drawn += [_band(run, target, colour, layout) for run in runs]
    return drawn


def _band(run: list[Lane], target: str, colour: int, layout: _Layout) -> Markup:
    shares, place = max(len(lane.boundaries) for lane in run), run[0].boundaries.index(target)
    width = (layout.lane_x[run[-1].name] - layout.lane_x[run[0].name] + layout.spacing) - 2 * BAND_MARGIN_PX
    part = width / shares if len(run) == 1 else width
    x = layout.lane_x[run[0].name] - layout.spacing / 2 + BAND_MARGIN_PX + (place * part if len(run) == 1 else 0)
    return tag(
        "g",
        tag("title", f"boundary {target}"),
        tag("rect", class_=f"hull b{colour}", x=x, y=8, width=part, height=layout.height - 18, rx=10),
        tag(
            "text",
            clip(f"B{colour + 1} {target}", part - 10, 11, keep_end=True),
            class_="small middle",
            x=x + part / 2,
            y=27,
        ),
    )


def _heads(lanes: tuple[Lane, ...], layout: _Layout) -> list[Markup]:
    drawn: list[Markup] = []
    for lane in lanes:
        x = layout.lane_x[lane.name]
        name = clip(lane.name, layout.spacing - 12, 14.5, keep_end=True)
        drawn.append(tag("g", tag("title", lane.name), tag("text", name, class_="strong middle", x=x, y=56)))
        if lane.kind != lane.name:
            drawn.append(tag("text", lane.kind, class_="small muted middle", x=x, y=73))
    return [*drawn, tag("text", "time", class_="small muted end", x=AXIS_PX - 22, y=73)]


def _axis(rows: tuple[Row, ...], layout: _Layout) -> list[Markup]:
    drawn: list[Markup] = []
    x = AXIS_PX - 10
    for place, (row, y) in enumerate(zip(rows, layout.row_y, strict=True)):
        if row.mark != "phase":
            drawn.append(tag("text", _milliseconds(row.at_s), class_="small muted end", x=x - 12, y=y + 4))
        silence_s = row.at_s - rows[place - 1].at_s if place else 0.0
        if silence_s > SILENCE_S:
            middle = y - (ROW_PX + SILENCE_PX) / 2
            drawn.append(tag("path", class_="break", d=f"M{x} {middle - 9}l-5 4.5 10 4.5 -10 4.5 5 4.5"))
            drawn.append(tag("text", f"{_milliseconds(silence_s)} later", class_="small muted slanted",
                             x=layout.text_x, y=middle + 4))  # fmt: skip
    return drawn


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms" if seconds < 0.1 else f"{seconds * 1000:.0f} ms"


def _backdrop(row: Row, place: int, layout: _Layout) -> Markup:
    """What lies behind a row: the line of a phase, or the stripe that ties a mark to its sentence."""
    y, lines = layout.row_y[place], len(layout.lines[place])
    if row.steps:
        height = ROW_PX - 4 + LINE_PX * (lines - 1)
        return tag("rect", class_="witness", x=AXIS_PX - 4, y=y - ROW_PX / 2 + 2, height=height,
                   width=layout.width - AXIS_PX, rx=6)  # fmt: skip
    if row.mark == "phase":
        return tag("path", class_="divider", d=f"M{AXIS_PX - 10} {y}H{layout.text_x - 14}")
    if not row.lane:
        return Markup("")
    return tag("path", class_="leader", d=f"M{_mark_x(row, layout) + 14} {y}H{layout.text_x - 26}")


def _lives(timeline: Timeline, layout: _Layout) -> list[Markup]:
    """Each lane's line: solid while alive, dotted while dead, a gap while paused."""
    drawn: list[Markup] = []
    end = layout.height - 22
    for lane in timeline.lanes:
        y, state = HEAD_PX - 6.0, "alive"
        for change in [c for c in timeline.changes if c.lane == lane.name]:
            drawn.append(_life(layout.lane_x[lane.name], y, layout.row_y[change.row], state))
            y, state = layout.row_y[change.row], change.state
        drawn.append(_life(layout.lane_x[lane.name], y, end, state))
    return drawn


def _life(x: float, top: float, bottom: float, state: str) -> Markup:
    return tag("path", class_=f"life {state}", d=f"M{x:.1f} {top:.1f}V{bottom:.1f}")


def _message(message: Message, layout: _Layout) -> Markup:
    """An arrow that falls with time. One that never arrived ends halfway, in a zigzag and a bar."""
    x1, x2 = layout.lane_x[message.source], layout.lane_x[message.target]
    seen = message.last if message.last is not None else message.first
    y1 = layout.row_y[message.first] if message.first is not None else layout.row_y[seen or 0] - SLANT_PX
    y2 = layout.row_y[message.last] if message.last is not None else y1 + SLANT_PX
    way = 1 if x2 > x1 else -1
    if message.lost:
        x, y = (x1 + x2) / 2, y1 + 10
        teeth = f"l{way * 5} -7 {way * 5} 13 {way * 5} -13 {way * 4} 7"
        return tag("path", class_="message lost", d=f"M{x1 + way * 9:.1f} {y1:.1f}L{x - way * 12:.1f} {y:.1f}{teeth}")
    return tag("path", class_="message", marker_end="url(#arrow)",
               d=f"M{x1 + way * 9:.1f} {y1:.1f}L{x2 - way * 10:.1f} {y2:.1f}")  # fmt: skip


def _row(row: Row, place: int, layout: _Layout) -> Markup:
    y, x = layout.row_y[place], layout.text_x
    style = "strong" if row.strong else "phase-name" if row.mark == "phase" else "plain"
    parts = [
        tag("text", line, class_=style, x=x, y=y + 4.5 + LINE_PX * number)
        for number, line in enumerate(layout.lines[place])
    ]
    parts += [_badge(step, x - 18 - 22 * offset, y) for offset, step in enumerate(reversed(row.steps))]
    if row.lane:
        parts.append(_mark(row.mark, _mark_x(row, layout), y))
    elif row.mark in ("quiet", "deadline"):
        parts.append(tag("path", class_=f"line {row.mark}", d=f"M{AXIS_PX} {y}H{layout.text_x - 40}"))
    return tag("g", tag("title", f"{_milliseconds(row.at_s)}: {row.text}"), *parts, class_="row", data_mark=row.mark)


def _mark_x(row: Row, layout: _Layout) -> float:
    other = row.between or row.lane
    return (layout.lane_x[row.lane] + layout.lane_x[other]) / 2


def _badge(number: int, x: float, y: float) -> Markup:
    return tag(
        "g",
        tag("circle", class_="badge", cx=x, cy=y, r=9.5),
        tag("text", str(number), class_="badge-number middle", x=x, y=y + 4.2),
    )


MARKS = {
    "killed": "M-8 -8L8 8M8 -8L-8 8",
    "exited": "M-8 -8L8 8M8 -8L-8 8",
    "cross": "M-5 -5L5 5M5 -5L-5 5",
    "paused": "M-4 -8V8M4 -8V8",
    "resumed": "M-5 -7L7 0L-5 7Z",
    "started": "M-5 -7L7 0L-5 7Z",
    "cut": "M-14 0l5 -7 6 14 6 -14 6 14 5 -7",
    "fault": "M2 -10L-6 2H0L-2 10L6 -2H0Z",
    "mend": "M-6 0H6M0 -6V6",
    "holds": "M-6 -6H6V6H-6Z",
    "empty": "M-6 -6H6V6H-6Z",
}


def _mark(mark: str, x: float, y: float) -> Markup:
    """The shape of a mark; whatever has no shape of its own is a dot."""
    if mark in MARKS:
        return tag("path", class_=f"mark {mark}", d=MARKS[mark], transform=f"translate({x:.1f} {y:.1f})")
    radius = {"attempt": 7, "applied": 7}.get(mark, 4.5)
    return tag("circle", class_=f"mark {mark}", cx=x, cy=y, r=radius)
