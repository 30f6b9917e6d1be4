"""What the pictures show, read off the SVG itself."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from xml.etree import ElementTree

from harness.history import Event, History, Kind
from harness.report.boundary_map import draw_map, palette_of
from harness.report.lanes import draw_lanes
from harness.report.ledger import draw_ledger, read_ledger
from harness.report.model import CaseReport, SystemReport, WitnessStep
from harness.report.timeline import Timeline, counted_retriggers, read_timeline
from tests.report.samples import (
    Script,
    accepted,
    charge,
    duplicate_case,
    figure_system,
    inbox_system,
    keyed_case,
    naive_system,
    queue_system,
    started,
)

SVG = "{http://www.w3.org/2000/svg}"


def parsed(picture: str) -> ElementTree.Element:
    """The picture as a tree; fails where it is not well-formed."""
    return ElementTree.fromstring(str(picture).replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1))


def of_class(tree: ElementTree.Element, name: str, css_class: str) -> list[ElementTree.Element]:
    """The elements of this name whose classes include this one."""
    return [e for e in tree.iter(SVG + name) if css_class in e.get("class", "").split()]


def ledger_row(case: CaseReport, work: str) -> ElementTree.Element:
    """The row of the ledger that belongs to this piece of work."""
    history = case.read_history()
    assert history is not None
    tree = parsed(draw_ledger("x", read_ledger(history, ["charge"]), {f.work for f in case.findings}))
    return next(g for g in tree.iter(SVG + "g") if g.get("data-work") == work)


def timeline_of(system: SystemReport) -> Timeline:
    """The timeline of the first case."""
    case = system.cases[0]
    history = case.read_history()
    assert history is not None
    return read_timeline(system, case, history.events)


def test_a_duplicate_shows_as_two_solid_dots() -> None:
    """Both attempts took effect, so both dots are solid, and the row is marked."""
    row = ledger_row(duplicate_case(), "w7")
    assert len(of_class(row, "circle", "applied")) == 2
    assert not of_class(row, "circle", "attempt")
    assert of_class(row, "path", "cross")


def test_a_survived_kill_shows_as_one_solid_and_one_hollow_dot() -> None:
    """The second attempt changed nothing."""
    row = ledger_row(keyed_case(), "w7")
    assert len(of_class(row, "circle", "applied")) == 1
    assert len(of_class(row, "circle", "attempt")) == 1
    assert not of_class(row, "path", "cross")


def test_a_loss_shows_as_no_solid_dot() -> None:
    """Attempted, acknowledged, and never applied."""
    row = ledger_row(naive_system().cases[0], "w3")
    assert not of_class(row, "circle", "applied")
    assert len(of_class(row, "circle", "attempt")) == 1
    assert "never, though acknowledged" in "".join(row.itertext())


def test_a_loss_that_nobody_even_attempted_has_a_row_of_its_own() -> None:
    """An expected effect without any event is an empty row, not a missing one."""
    script = Script()
    started(script, "orders")
    accepted(script, 26, "w1")
    [entry] = read_ledger(History(script.events), ["charge"])
    assert (entry.work, entry.effect, entry.dots, entry.suspicious) == ("w1", "charge", (), True)


def test_effects_that_only_a_store_counts_are_solid_dots_too() -> None:
    """Two rows in an audit table are two applications, though nobody saw an attempt."""
    script = Script()
    accepted(script, 26, "w1")
    script.at(90, Kind.ROWS, "booking", counts={"w1": 2})
    [entry] = read_ledger(History(script.events))
    assert (entry.effect, entry.applied) == ("booking", 2)


def test_unknown_answers_leave_a_missing_effect_unsuspected() -> None:
    """A client that never got an answer was promised nothing."""
    script = Script()
    script.at(1, Kind.SUBMIT, "client->orders", "w1", 1)
    script.at(9, Kind.ANSWER, "client->orders", "w1", 1, outcome="unknown", status=None)
    [entry] = read_ledger(History(script.events), ["charge"])
    assert not entry.suspicious


def test_applications_are_drawn_even_behind_many_attempts() -> None:
    """However many attempts are left out, no application is."""
    script = Script()
    accepted(script, 26, "w1")
    for n in range(1, 31):
        charge(script, 40 + n, "w1", n, applies={29: 1, 30: 2}.get(n))
    tree = parsed(draw_ledger("x", read_ledger(History(script.events))))
    assert len(of_class(tree, "circle", "applied")) == 2


def test_solid_nodes_are_those_with_a_trigger() -> None:
    """As in the post: hollow without a reliable trigger, solid with one."""
    tree = parsed(draw_map("m", figure_system()))
    nodes = {g.get("data-node"): g for g in of_class(tree, "g", "place")}
    solid = {name for name, g in nodes.items() if of_class(g, "circle", "solid")}
    assert solid == {"A", "D", "E", "F"}
    assert set(nodes) - solid == {"B", "C"}


def test_awaiting_edges_are_solid_and_hand_offs_dashed() -> None:
    """Five edges, three awaited (one of them nested), two handed off."""
    tree = parsed(draw_map("m", figure_system()))
    assert len(of_class(tree, "path", "awaits")) == 3
    assert len(of_class(tree, "path", "hand-off")) == 2


def test_a_nested_boundary_stands_inside_the_layer_around_it() -> None:
    """Only the boundary that completes another one has a layer of its own to show."""
    tree = parsed(draw_map("m", figure_system()))
    [layer] = of_class(tree, "g", "layer-hull")
    title = layer.find(SVG + "title")
    assert title is not None
    assert title.text == "layer of A: A, B, C, E"
    assert len(of_class(tree, "g", "boundary-hull")) == 4


def test_a_hull_covers_no_node_of_another_boundary() -> None:
    """The boxes of different boundaries do not overlap."""
    tree = parsed(draw_map("m", figure_system()))
    boxes = []
    for hull in of_class(tree, "g", "boundary-hull"):
        [outline] = of_class(hull, "g", "outline")
        boxes += [[float(rect.get(k, 0)) for k in ("x", "y", "width", "height")] for rect in outline.iter(SVG + "rect")]
    overlapping = [
        (a, b) for i, a in enumerate(boxes) for b in boxes[i + 1 :]
        if abs(a[0] - b[0]) < a[2] and abs(a[1] - b[1]) < a[3]
    ]  # fmt: skip
    assert len(boxes) == 6
    assert not overlapping


def test_re_executed_nodes_carry_a_counted_arrow() -> None:
    """C was killed: A, B, C ran again, and D was sent a second message (spill); E and F were not touched again."""
    system = figure_system()
    history = system.cases[0].read_history()
    assert history is not None
    again = counted_retriggers(system.nodes, history.events)
    assert again == {"A": 1, "B": 1, "C": 1, "D": 1}
    assert len(of_class(parsed(draw_map("m", system, again)), "path", "retrigger")) == 4


def test_the_replay_of_the_past_counts_as_no_retrigger() -> None:
    """The harness submits again on purpose at the end; that is nobody's recovery."""
    history = keyed_case().read_history()
    assert history is not None
    assert counted_retriggers(inbox_system().nodes, history.events) == {"payments": 1}


def test_every_process_client_and_world_has_a_lane() -> None:
    """Client first, processes in the order of the graph, then resources, the world last."""
    lanes = timeline_of(queue_system()).lanes
    assert [lane.name for lane in lanes] == ["client", "orders", "relay", "stock", "broker", "world"]
    assert [lane.kind for lane in lanes][-2:] == ["resource", "world"]


def test_witness_numbers_stand_at_the_events_they_tell_of() -> None:
    """Number 3 is the kill, number 5 the second charge; each number stands somewhere."""
    rows = timeline_of(inbox_system(duplicate_case())).rows
    numbered = {step: row for row in rows for step in row.steps}
    assert sorted(numbered) == [1, 2, 3, 4, 5]
    assert (numbered[3].mark, numbered[3].lane) == ("killed", "worker")
    assert (numbered[5].mark, numbered[5].text) == (
        "applied",
        "worker calls charge for w7, attempt 2: applied, charge #2",
    )


def test_a_witness_of_an_event_without_a_row_is_numbered_at_the_next_one() -> None:
    """A rendezvous has no row; its number must not vanish."""
    case = duplicate_case()
    history = case.read_history()
    assert history is not None
    point = next(place for place, event in enumerate(history) if event.kind is Kind.POINT)
    finding = replace(case.findings[0], witness=(WitnessStep(text="held", events=(point,)),))
    timeline = read_timeline(inbox_system(), replace(case, findings=(finding,)), history.events)
    assert [row.mark for row in timeline.rows if row.steps] == ["killed"]


def test_a_kill_is_one_row_and_the_lane_is_dead_until_the_restart() -> None:
    """Fault and death are one row; the line of the process is dotted from there to its start."""
    timeline = timeline_of(inbox_system(duplicate_case()))
    kills = [row for row in timeline.rows if "KILL" in row.text or "FAULT" in row.text]
    assert [row.text for row in kills] == ["KILL worker  (kill worker @applied charge w7)"]
    assert [(change.lane, change.state) for change in timeline.changes] == [("worker", "dead"), ("worker", "alive")]


def test_a_lost_reply_ends_on_the_way() -> None:
    """The client's request arrived, the answer to it did not, the answer to the second try did."""
    messages = [m for m in timeline_of(queue_system()).messages if "client" in (m.source, m.target)]
    assert [(m.source, m.target, m.lost) for m in messages] == [
        ("client", "orders", False),
        ("orders", "client", True),
        ("client", "orders", False),
        ("orders", "client", False),
    ]


def test_a_cut_is_marked_between_its_two_lanes() -> None:
    """The zigzag of a cut stands halfway between caller and callee."""
    [row] = [row for row in timeline_of(queue_system()).rows if row.mark == "cut"]
    assert {row.lane, row.between} == {"client", "orders"}


def test_rows_never_overlap_and_nothing_leaves_the_picture() -> None:
    """Sentences stand one below the other, inside the picture, in every sample."""
    for system in (inbox_system(duplicate_case()), naive_system(), queue_system(), figure_system()):
        timeline = timeline_of(system)
        talkative = tuple(
            replace(row, text=f"{row.text} {'and so on ' * (place % 9)}") for place, row in enumerate(timeline.rows)
        )
        tree = parsed(draw_lanes("x", replace(timeline, rows=talkative), palette_of(system)))
        width, height = (float(tree.get(side, 0)) for side in ("width", "height"))
        spots = [(float(t.get("x", 0)), float(t.get("y", 0)), t.text or "") for g in of_class(tree, "g", "row")
                 for t in g.findall(SVG + "text")]  # fmt: skip
        heights = [y for _, y, _ in spots]
        assert all(later - earlier >= 16 for earlier, later in pairwise(heights))
        assert all(x + 7.5 * len(text) < width and y < height for x, y, text in spots)


def test_a_crowded_case_draws_what_the_finding_is_about() -> None:
    """Of 200 pieces of work and thousands of events only the guilty one and its neighbourhood are drawn."""
    script = Script()
    started(script, "orders", "worker")
    for n in range(200):
        accepted(script, 30 + 6 * n, f"w{n}")
    for n in range(1, 400):
        last = charge(script, 1400 + n, "w7", n, applies=1 if n == 1 else 2 if n == 399 else None)[-1]
    finding = replace(duplicate_case().findings[0], witness=(WitnessStep(text="again", events=(last,)),))
    case = replace(duplicate_case(), findings=(finding,))
    timeline = read_timeline(inbox_system(), case, script.events)
    assert len(timeline.rows) < 80
    assert any(row.steps == (1,) for row in timeline.rows)
    assert "199 other pieces of work" in timeline.left_out


def test_pictures_can_be_read_aloud() -> None:
    """Each has a title and a description that says what it shows."""
    tree = parsed(draw_map("m", figure_system(), {"A": 1}))
    assert tree.get("role") == "img"
    assert "A was invoked 1 more times" in (tree.findtext(SVG + "desc") or "")


def test_strange_events_do_not_break_a_picture() -> None:
    """Histories of other versions, with places and processes nobody declared, are drawn as far as they go."""
    script = Script()
    for kind in Kind:
        script.events.append(Event(at_s=0.1, kind=kind, work="w1", where="nobody->nowhere", n=1))
    system = inbox_system()
    timeline = read_timeline(system, keyed_case(), script.events)
    assert parsed(draw_lanes("x", timeline, palette_of(system))) is not None
    assert read_timeline(system, keyed_case(), []).rows == ()
