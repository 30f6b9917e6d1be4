"""The boundary map: the graph, and around each part of it the boundary that is executed again as a whole.

A node is solid where a reliable trigger is set on it and hollow where it has none, as in the post. A boundary is a
shaded hull around the nodes that its trigger re-drives; a boundary nested in another stands inside the hatched layer
that the outer one guarantees to complete. An awaiting edge is a solid line, a hand-off a dashed one.

Graphs are drawn as trees from left to right, each node under the first edge that reaches it. Nodes of one boundary hang
together over awaiting edges, so a hull is a chain of rounded boxes and never covers a stranger.
Source: the post, figs. 3 to 9
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from markupsafe import Markup

from harness.boundaries.workflows import Shared
from harness.report.model import Boundary, GraphEdge, SystemReport
from harness.report.svg import clip, picture, tag

__all__ = ["draw_map", "palette_of"]

COLUMN_PX = 268
LANE_PX = 146
LEFT_PX = 98
TOP_PX = 72
BOX_PX = (148, 118)
LABEL_PX = 18
RING_PX = 15
NODE_PX = 17
COLOURS = 6


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a node stands: the middle of its circle."""

    x: float
    y: float


def palette_of(system: SystemReport) -> dict[str, int]:
    """A colour number for each boundary by its target, the same in every picture of this system."""
    return {boundary.target: place % COLOURS for place, boundary in enumerate(system.boundaries)}


def draw_map(identity: str, system: SystemReport, again: Mapping[str, int] | None = None) -> Markup:
    """The map of a system.

    Args:
        identity: unique on the page.
        system: its graph and derived boundaries.
        again: how often each node was invoked once more in a case; shown as counted arrows.
    """
    places = _lay_out(system)
    if system.workflows:  # their names stand above everything
        places = {name: _Place(place.x, place.y + LABEL_PX) for name, place in places.items()}
    width = max((p.x for p in places.values()), default=0.0) + LEFT_PX
    height = max((p.y for p in places.values()), default=0.0) + TOP_PX
    return picture(
        identity, f"Boundary map of {system.name}", _described(system, again or {}), max(width, 320.0), height,
        *[_hull(b, system, places, layer=True) for b in system.boundaries if set(b.layer) - set(b.nodes)],
        *[_hull(b, system, places, layer=False) for b in system.boundaries],
        *[part for workflow in system.workflows for part in _frame(workflow, places)],
        *[_edge(edge, places) for edge in system.edges if edge.source in places and edge.target in places],
        *[_node(name, system, place, (again or {}).get(name.partition("@")[0], 0)) for name, place in places.items()],
    )  # fmt: skip


def _lay_out(system: SystemReport) -> dict[str, _Place]:
    """Depth first from the roots, in the order of the edges: depth gives the column, leaves take a row each."""
    children: dict[str, list[str]] = {node.name: [] for node in system.nodes}
    for edge in system.edges:
        children.setdefault(edge.source, []).append(edge.target)
    entered = {edge.target for edge in system.edges}
    roots = [name for name in children if name not in entered] or list(children)[:1]
    places: dict[str, _Place] = {}
    rows = iter(range(len(system.nodes) + 1))

    def visit(name: str, depth: int) -> float:
        places[name] = _Place(0, 0)
        below = [visit(child, depth + 1) for child in children.get(name, []) if child not in places]
        y = (below[0] + below[-1]) / 2 if below else TOP_PX + next(rows) * float(LANE_PX)
        places[name] = _Place(LEFT_PX + depth * COLUMN_PX, y)
        return y

    for root in [*roots, *children]:
        if root not in places:
            visit(root, 0)
    return places


def _described(system: SystemReport, again: Mapping[str, int]) -> str:
    parts = [f"Boundary {b.target}, owned by {b.trigger}: {', '.join(b.nodes)}" for b in system.boundaries]
    parts += [f"No owner: {', '.join(system.unowned)}"] if system.unowned else []
    parts += [f"{name} was invoked {count} more times" for name, count in again.items()]
    return ". ".join(parts) + "."


def _hull(boundary: Boundary, system: SystemReport, places: Mapping[str, _Place], *, layer: bool) -> Markup:
    """Every shape twice: first as outline, then as filling that covers the outlines inside."""
    colour = palette_of(system)[boundary.target]
    members = [name for name in (boundary.layer if layer else boundary.nodes) if name in places]
    links = [(e.source, e.target) for e in system.edges if e.awaits and {e.source, e.target} <= set(members)]
    grow = RING_PX if layer else 0
    names = ["outline", "filling", *(["hatching"] if layer else [])]
    passes = [
        tag("g", *[_box(places[node], grow) for node in members],
            *[_bridge(places[a], places[b], 56 + grow + extra) for a, b in links], class_=f"{name} b{colour}")
        for name, extra in zip(names, (4, 0, 0), strict=False)
    ]  # fmt: skip
    what = "layer" if layer else "boundary"
    return tag("g", tag("title", f"{what} of {boundary.target}: {', '.join(members)}"), *passes, class_=f"{what}-hull")


def _frame(workflow: Shared, places: Mapping[str, _Place]) -> list[Markup]:
    """A dotted frame around a workflow; around each of its nodes, where one frame would take in strangers."""
    own = [places[name] for name in workflow.nodes if name in places]
    strangers = [place for name, place in places.items() if name not in workflow.nodes]
    if not own:
        return []
    whole = _hold(own)
    groups = [[place] for place in own] if any(_inside(place, whole) for place in strangers) else [own]
    label = tag("text", f"workflow {workflow.name}", class_="small muted", x=whole[0] + 8, y=whole[1] - 5)
    frames = [_hold(group) for group in groups]
    drawn = [tag("rect", class_="workflow", x=x, y=y, width=w, height=h, rx=12) for x, y, w, h in frames]
    return [tag("g", tag("title", f"workflow {workflow.name}: {', '.join(workflow.nodes)}"), *drawn, label)]


def _hold(group: list[_Place]) -> tuple[float, float, float, float]:
    """Left, top, width and height of what holds these boxes with their layers."""
    grow = RING_PX + 6
    left, right = min(p.x for p in group) - BOX_PX[0] / 2 - grow, max(p.x for p in group) + BOX_PX[0] / 2 + grow
    top, bottom = min(p.y for p in group) - 55 - grow + 14, max(p.y for p in group) + BOX_PX[1] - 55 + grow - 14
    return left, top, right - left, bottom - top


def _inside(place: _Place, frame: tuple[float, float, float, float]) -> bool:
    left, top, width, height = frame
    return left <= place.x <= left + width and top <= place.y <= top + height


def _box(place: _Place, grow: float) -> Markup:
    width, height = BOX_PX[0] + 2 * grow, BOX_PX[1] + 2 * grow
    return tag("rect", x=place.x - width / 2, y=place.y - 55 - grow, width=width, height=height, rx=22 + grow / 2)


def _bridge(first: _Place, second: _Place, width: float) -> Markup:
    return tag("path", d=_curve(first, second, 0), stroke_width=width)


def _curve(first: _Place, second: _Place, gap: float) -> str:
    """From circle to circle, leaving and arriving level, ending `gap` pixels short on both sides."""
    bend = (second.x - first.x) / 2
    return (
        f"M{first.x + gap:.0f} {first.y:.0f}C{first.x + bend:.0f} {first.y:.0f} "
        f"{second.x - bend:.0f} {second.y:.0f} {second.x - gap - (4 if gap else 0):.0f} {second.y:.0f}"
    )


def _edge(edge: GraphEdge, places: Mapping[str, _Place]) -> Markup:
    first, second = places[edge.source], places[edge.target]
    kind = "awaits" if edge.awaits else "hand-off"
    if not edge.trigger and not edge.awaits:
        kind = "dangling"
    parts = [tag("path", class_=f"edge {kind}", d=_curve(first, second, NODE_PX + 5), marker_end="url(#arrow-map)")]
    if kind == "dangling":
        x, y = (first.x + second.x) / 2, (first.y + second.y) / 2
        parts.append(tag("text", "no trigger", class_="edge-label middle", x=x, y=y - 9))
    return tag("g", tag("title", f"{edge.source} to {edge.target}: {kind} {edge.trigger}"), *parts)


def _node(name: str, system: SystemReport, place: _Place, again: int) -> Markup:
    process = next((node.process for node in system.nodes if node.name == name), "")
    boundary = next((b for b in system.boundaries if b.target == name), None)
    x, y = place.x, place.y
    parts = [tag("circle", class_="node solid" if boundary else "node hollow", cx=x, cy=y, r=NODE_PX)]
    parts.append(
        tag(
            "text",
            clip(name.partition("@")[0], BOX_PX[0] - 12, 14, keep_end=True),
            class_="strong middle",
            x=x,
            y=y + 35,
        )
    )
    if process and process != name:
        parts.append(tag("text", clip(f"in {process}", BOX_PX[0] - 12, 11), class_="small muted middle", x=x, y=y + 51))
    head = _owner_words(system, boundary, name)
    if head:
        parts.append(tag("text", clip(head, BOX_PX[0] - 12, 11), class_="small middle", x=x, y=y - 34))
    if again:
        parts += _retrigger(x, y, again)
    return tag("g", tag("title", f"{name} {head}".strip()), *parts, class_="place", data_node=name)


def _owner_words(system: SystemReport, boundary: Boundary | None, name: str) -> str:
    if boundary:
        kind = next((e.trigger for e in system.edges if e.target == name and e.trigger), boundary.trigger)
        return f"B{palette_of(system)[name] + 1} · {kind}"
    return "no owner" if name in system.unowned else ""


def _retrigger(x: float, y: float, again: int) -> list[Markup]:
    """An arrow that leaves the node and comes back to it, with how often."""
    loop = f"M{x + 9} {y - 18}C{x + 18} {y - 40} {x + 52} {y - 22} {x + 22} {y - 9}"
    return [
        tag("path", class_="retrigger", d=loop, marker_end="url(#arrow-again)"),
        tag("text", f"+{again}", class_="retrigger-count", x=x + 42, y=y - 12),
    ]
