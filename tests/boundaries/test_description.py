"""What people see and programs read."""

from __future__ import annotations

import json

import pytest

from harness.boundaries import describe
from tests.boundaries.figures import FIGURES, ask, figure


def test_json_has_exactly_the_promised_shape() -> None:
    """Fig. 5 and a crash after a hand-off, whole."""
    assert json.loads(ask("fig5", "crash B after -> D").to_json()) == {
        "boundaries": [
            {
                "trigger": "human:A",
                "target": "A",
                "nodes": ["A", "B", "C", "E"],
                "layer": ["A", "B", "C", "E"],
                "frontier": ["B->D", "C->F"],
                "nested_in": None,
            },
            {"trigger": "queue:D", "target": "D", "nodes": ["D"], "layer": ["D"], "frontier": [], "nested_in": None},
            {"trigger": "queue:F", "target": "F", "nodes": ["F"], "layer": ["F"], "frontier": [], "nested_in": None},
        ],
        "unowned": [],
        "lints": [],
        "prediction": {"must": {"A": 1, "B": 1, "D": 1}, "may": {}, "must_not": ["C", "E", "F"]},
    }


def test_json_without_a_fault_predicts_nothing() -> None:
    """`prediction` is null; a lint is an object of four texts."""
    described = json.loads(describe(figure("fig3")).to_json())
    assert described["prediction"] is None
    assert [sorted(found) for found in described["lints"]] == [["code", "fix", "what", "where"]]


def test_the_map_of_figure_5_is_drawn_as_in_the_post() -> None:
    """Solid where a trigger stands, hollow where none does; lanes, owners, and what runs again."""
    assert (
        ask("fig5", "crash B after -> D")
        .text()
        .startswith(
            """\
fig5: 6 nodes, 3 boundaries

                               owner     1 2 3   again
human ┄▶ ● A                   human:A   ┃       +1
         ├──▶ ○ B              human:A   ┃       +1
         │     └┄queue┄▶ ● D   queue:D     ┃     +1
         └──▶ ○ C              human:A   ┃       ·
               ├──▶ ○ E        human:A   ┃       ·
               └┄queue┄▶ ● F   queue:F       ┃   ·
"""
        )
    )


@pytest.mark.parametrize(
    ("name", "fault", "words"),
    [
        ("fig3", "crash F", ["STRANDED", "owned by nobody", "UNOWNED_ROOT"]),
        ("fig4_early_ack", "crash D", ["depends on the moment", "DANGLING_ASYNC"]),
        ("fig4_in_situ", "crash F", ["own retries"]),
        ("fig5", "crash B after D", ["human:A, within 2 s", "spill            D"]),
        ("fig7", "crash E", ["C needs C#E and C#F"]),
        ("fig9_human", "pause S", ["nested in        engine:Fx", "may still act", "i NESTED"]),
    ],
)
def test_the_text_says_who_recovers_and_what_is_lost(name: str, fault: str, words: list[str]) -> None:
    """The words a reader looks for are there."""
    text = ask(name, fault).text()
    for word in words:
        assert word in text


def test_layers_show_as_thin_lanes_beside_thick_boundaries() -> None:
    """Fig. 9: Fx lies in the human's layer and in its own boundary."""
    assert "engine:Fx   ┊ ┃" in describe(figure("fig9_human")).text()


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_fits_a_terminal(name: str) -> None:
    """No line of a figure is wider than 120 columns, and none ends in blanks."""
    for line in describe(figure(name)).text().splitlines():
        assert len(line) <= 120
        assert line == line.rstrip()


def test_mermaid_nests_boundaries_as_their_owners_do() -> None:
    """Fig. 9: three subgraphs inside each other, the awaited triggers as thick arrows."""
    text = describe(figure("fig9_human")).mermaid()
    opened = [line for line in text.splitlines() if "subgraph" in line]
    assert [len(line) - len(line.lstrip()) for line in opened] == [4, 8, 12]
    assert text.count("subgraph") == text.count("end\n")
    assert "== engine ==>" in text


def test_mermaid_escapes_the_names_of_response_handlers() -> None:
    """`#` would begin an entity."""
    assert 'n3(["B#35;D"])' in describe(figure("fig7")).mermaid()
