"""From a manifest to instances: order of steps, names, answers, cycles, and names that lead nowhere."""

from __future__ import annotations

from itertools import pairwise

import pytest

from harness.boundaries import describe
from harness.errors import ManifestError
from tests.boundaries.figures import graph_from

QUEUE = 'trigger = { placement = "caller", kind = "queue" }'


def nodes(names: str) -> str:
    return "".join(f'[[node]]\nname = "{name}"\nprocess = "{name}"\n' for name in names)


def edge(src: str, dst: str, *more: str, awaits: bool = True) -> str:
    return f'[[edge]]\nfrom = "{src}"\nto = "{dst}"\nawaits = {str(awaits).lower()}\n' + "".join(
        f"{line}\n" for line in more
    )


def test_steps_are_effects_then_edges_unless_declared() -> None:
    """The declared order wins; what it leaves out keeps its place behind."""
    text = """
[[node]]
name = "A"
process = "A"
effects = [{ name = "w" }, { name = "x" }]
"""
    tail = nodes("BC") + edge("A", "B") + edge("A", "C")
    plain = graph_from(text + tail).node("A").steps
    ordered = graph_from(text + 'steps = ["w", "-> C", "x"]\n' + tail).node("A").steps
    assert [step.name for step in plain] == ["w", "x", "B", "C"]
    assert [step.name for step in ordered] == ["w", "C", "x", "B"]


def test_a_node_on_two_paths_becomes_two_instances() -> None:
    """Names stay short where they are unique; an alias tells two calls of one caller apart."""
    text = nodes("ABCD") + edge("A", "B") + edge("A", "C") + edge("B", "D") + edge("C", "D", 'as = "again"')
    assert list(describe(graph_from(text)).boundaries.instances) == ["A", "B", "D@A/B", "C", "D@A/C:again"]


def test_two_calls_of_one_node_need_a_name() -> None:
    """Without an alias they could not be told apart in a fault."""
    with pytest.raises(ManifestError, match="as = "):
        graph_from(nodes("AB") + edge("A", "B") + edge("A", "B"))


def test_an_alias_names_the_step() -> None:
    """`crash A after second` and the edge A->second are understood."""
    text = nodes("AB") + edge("A", "B", 'as = "first"') + edge("A", "B", 'as = "second"')
    graph = graph_from('[submit]\nnode = "A"\nroot = "human"\n' + text)
    prediction = describe(graph, "crash A before second").prediction
    assert prediction is not None
    assert prediction.must == {"A": 1, "B@A:first": 1}


def test_a_cycle_of_plain_calls_is_refused_by_name() -> None:
    """It would never complete; the error shows the circle."""
    with pytest.raises(ManifestError, match="A -> B -> C -> A"):
        describe(graph_from(nodes("ABC") + edge("A", "B") + edge("B", "C") + edge("C", "A")))


def test_a_trigger_that_is_not_effective_cuts_no_cycle() -> None:
    """The error says why the declared trigger does not count."""
    lossy = 'trigger = { placement = "caller", kind = "queue", durable = false }'
    with pytest.raises(ManifestError, match="does not survive a crash"):
        describe(graph_from(nodes("AB") + edge("A", "B") + edge("B", "A", lossy, awaits=False)))


@pytest.mark.parametrize("first_is_queue", [True, False])
def test_a_cycle_cut_by_a_trigger_is_unfolded_for_one_turn(first_is_queue: bool) -> None:
    """The instance that closes the circle stands for the next round, wherever the trigger is."""
    queue = edge("A", "B", QUEUE, awaits=False) + edge("B", "A")
    back = edge("A", "B") + edge("B", "A", QUEUE, awaits=False)
    text = '[submit]\nnode = "A"\nroot = "human"\n' + nodes("AB") + (queue if first_is_queue else back)
    boundaries = describe(graph_from(text), "crash B").boundaries
    owned = {boundary.name: boundary.nodes for boundary in boundaries.boundaries}
    if first_is_queue:
        expected = {"human:A": ("A",), "queue:B@A": ("B@A", "A@A/B"), "queue:B@A/B/A": ("B@A/B/A",)}
    else:
        expected = {"human:A": ("A", "B"), "queue:A@A/B": ("A@A/B",)}
    assert owned == expected


def test_an_edge_to_nowhere_names_the_nodes_there_are() -> None:
    """Both ends are checked, and submit too."""
    for text in (nodes("AB") + edge("A", "X"), nodes("AB") + edge("X", "B"), '[submit]\nnode = "X"\n' + nodes("AB")):
        with pytest.raises(ManifestError, match=r"X, which is no node(.|\n)*A, B"):
            graph_from(text)


def test_an_unknown_step_names_the_steps_there_are() -> None:
    """A misspelt step is not silently left out."""
    with pytest.raises(ManifestError, match=r"no step '-> C'(.|\n)*-> B"):
        graph_from('[[node]]\nname = "A"\nprocess = "A"\nsteps = ["-> C"]\n' + nodes("B") + edge("A", "B"))


def test_without_submit_the_nodes_that_nobody_calls_are_unowned_roots() -> None:
    """A graph that nobody starts has no owners, but its own triggers still count."""
    boundaries = describe(graph_from(nodes("ABC") + edge("A", "B") + edge("C", "B", QUEUE, awaits=False))).boundaries
    assert boundaries.unowned == ("A", "B@A", "C")
    assert [boundary.name for boundary in boundaries.boundaries] == ["queue:B@C"]


def test_a_node_that_no_path_reaches_is_not_forgotten() -> None:
    """Beside the submitted work it is a root of its own, owned by nobody."""
    description = describe(graph_from('[submit]\nnode = "A"\nroot = "human"\n' + nodes("AZ")))
    assert description.boundaries.unowned == ("Z",)
    assert [(found.code, found.where) for found in description.lints] == [("UNOWNED_ROOT", "Z")]


def test_a_declared_response_handler_keeps_its_own_steps() -> None:
    """A node under the name `u#v` is the handler of v's answer, with effects and mode of its own."""
    handler = '[[node]]\nname = "A#B"\nprocess = "A"\nwork = "inbox"\neffects = [{ name = "note" }]\n'
    text = '[submit]\nnode = "A"\nroot = "human"\n' + nodes("AB") + handler
    boundaries = describe(graph_from(text + edge("A", "B", QUEUE, "two_way = true", awaits=False))).boundaries
    assert list(boundaries.instances) == ["A", "B", "A#B"]
    assert boundaries.instances["A#B"].steps[0].name == "note"
    assert boundaries.owner["A#B"] == "queue:A#B"


def test_a_two_way_edge_cannot_await() -> None:
    """Its answer comes to a handler, so nobody stands there waiting."""
    with pytest.raises(ManifestError, match="awaits = false"):
        graph_from(nodes("AB") + edge("A", "B", QUEUE, "two_way = true"))


def test_a_graph_with_too_many_paths_is_refused() -> None:
    """Doubling at every level ends in an error instead of in the memory."""
    names = [f"n{place}" for place in range(16)]
    text = "".join(f'[[node]]\nname = "{name}"\nprocess = "p"\n' for name in names)
    for src, dst in pairwise(names):
        text += edge(src, dst, 'as = "left"') + edge(src, dst, 'as = "right"')
    with pytest.raises(ManifestError, match="too large"):
        describe(graph_from(text))


def test_a_long_chain_is_no_problem() -> None:
    """A hundred calls in a row are drawn and predicted."""
    names = [f"n{place}" for place in range(100)]
    text = '[submit]\nnode = "n0"\nroot = "human"\n'
    text += "".join(f'[[node]]\nname = "{name}"\nprocess = "p"\n' for name in names)
    text += "".join(edge(src, dst) for src, dst in pairwise(names))
    description = describe(graph_from(text), "crash n99")
    assert description.prediction is not None
    assert len(description.prediction.must) == 100
    assert "n99" in description.text()
