"""Every row of every worked table of the post's figures, as numbers.

In the expectations `A B [D]` reads: A and B must run once more, D may, everybody else must not.
"""

from __future__ import annotations

import pytest

from harness.boundaries import Fault, Phase, Run, What, simulate
from tests.boundaries.figures import ask, derived
from tests.boundaries.tables import STRANDED, again, summary


def boundaries_of(figure: str) -> dict[str, str]:
    return {boundary.name: " ".join(boundary.nodes) for boundary in derived(figure).boundaries}


FIG_4 = [
    ("crash A before anything", "A", "A"),
    ("crash A before w", "A", "A"),
    ("crash A after w", "A", "A"),
    ("crash A after B returned", "A B D", "A B"),
    ("crash B after w", "A B", "A B"),
    ("crash B after D returned", "A B D", "A B D"),
    ("crash C before w", "A B D C", "A B C"),
    ("crash C after w", "A B D C", "A B C"),
    ("crash F", "A B D C E F", "A B C E F"),
    ("crash F before w", "A B D C E F", "A B C E F"),
    ("crash F after w", "A B D C E F", "A B C E F"),
]


@pytest.mark.parametrize(("fault", "reexec", "inbox"), FIG_4)
def test_one_boundary_of_six_is_executed_again_up_to_the_crash(fault: str, reexec: str, inbox: str) -> None:
    """Fig. 4, every row in both work modes."""
    assert again("fig4", fault, "reexec") == reexec
    assert again("fig4", fault, "inbox") == inbox


@pytest.mark.parametrize("work", ["reexec", "inbox"])
def test_a_retry_inside_the_caller_keeps_the_crash_of_a_leaf_to_itself(work: str) -> None:
    """Fig. 4 with one in-situ retry per call: F alone must; the others only if C runs out of retries."""
    prediction = ask("fig4_in_situ", "crash F", work).prediction
    assert prediction is not None
    assert prediction.must == {"F": 1}
    assert prediction.retried_in_situ
    assert set(prediction.may) == set(again("fig4", "crash F", work).split()) - {"F"}


@pytest.mark.parametrize("node", "ABCDEF")
def test_without_an_owner_every_crash_is_stranded(node: str) -> None:
    """Fig. 3: nobody starts anything again, whatever has been done stays."""
    assert again("fig3", f"crash {node}", "reexec") == STRANDED
    assert set(ask("fig3", f"crash {node}").prediction.must_not) == set("ABCDEF")  # type: ignore[union-attr]


def test_retries_inside_callers_hide_that_the_root_is_missing() -> None:
    """With in-situ retries every leaf of fig. 3 recovers; only a fault that kills the retrying caller tells."""
    boundaries = derived("fig3_in_situ")
    for leaf in "DEF":
        crash = Fault(what=What.CRASH, at=leaf)
        assert ask("fig3_in_situ", f"crash {leaf} before w").prediction.must == {leaf: 1}  # type: ignore[union-attr]
        assert not simulate(boundaries, [crash]).incomplete
    assert again("fig3_in_situ", "crash A after B", "reexec") == STRANDED


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ("crash D before ack", "A B D"),
        ("crash F before ack", "A B D C E F"),
        ("crash D before w", STRANDED),
        ("crash D after w", STRANDED),
        ("crash F before w", STRANDED),
        ("crash D", "[A] [B] [D]"),
    ],
)
def test_one_phase_decides_whether_an_early_ack_strands(fault: str, expected: str) -> None:
    """Between figs. 4 and 5: before its ack A drives D again, after it nobody does, anywhere leaves both open."""
    assert again("fig4_early_ack", fault, "reexec") == expected


FIG_5 = [
    ("crash D", "D", "D"),
    ("crash D before w", "D", "D"),
    ("crash D after w", "D", "D"),
    ("crash F", "F", "F"),
    ("crash F before w", "F", "F"),
    ("crash F after w", "F", "F"),
    ("crash B before -> D", "A B", "A B"),
    ("crash B after -> D", "A B D", "A B [D]"),
    ("crash B after D not logged", "A B D", "A B D"),
    ("crash B after D logged", "A B D", "A B"),
    ("crash C before anything", "A B D C", "A C"),
    ("crash C before w", "A B D C", "A C"),
    ("crash E", "A B D C E", "A C E"),
    ("crash E before w", "A B D C E", "A C E"),
    ("crash E after w", "A B D C E", "A C E"),
    ("crash C after F", "A B D C E F", "A C [F]"),
    ("crash C after F not logged", "A B D C E F", "A C F"),
    ("crash C after F logged", "A B D C E F", "A C"),
    ("crash A after B", "A B D", "A [B]"),
    ("crash A after B not logged", "A B D", "A B"),
    ("crash A after B logged", "A B D", "A"),
]


@pytest.mark.parametrize(("fault", "reexec", "log"), FIG_5)
def test_hand_offs_contain_crashes_and_spill_over_the_frontier(fault: str, reexec: str, log: str) -> None:
    """Fig. 5, every row in both work modes; D and F appear where a hand-off is repeated."""
    assert again("fig5", fault, "reexec") == reexec
    assert again("fig5", fault, "log") == log


@pytest.mark.parametrize(
    ("fault", "expected"),
    [(f"crash {node} before w", node) for node in "ABCDEF"]
    + [(f"crash {node} after w", node) for node in "ABCDEF"]
    + [
        ("crash B after D", "B D"),
        ("crash C after E", "C E"),
        ("crash C after F", "C E F"),
        ("crash A after B", "A B D"),
    ],
)
def test_behind_queues_a_crash_costs_one_node_and_what_it_had_handed_off(fault: str, expected: str) -> None:
    """Fig. 6: each node alone, plus spill to children that were already triggered."""
    assert again("fig6", fault, "reexec") == expected


def test_a_two_way_edge_is_two_one_way_edges() -> None:
    """Fig. 7: eleven boundaries of one, answers ordered after their questions, and C's answer needs both parts."""
    boundaries = derived("fig7")
    assert " ".join(boundaries.instances) == "A B D B#D A#B C E C#E F C#F A#C"
    assert all(boundary.nodes == boundary.layer == (boundary.target,) for boundary in boundaries.boundaries)
    assert len(boundaries.boundaries) == 11
    assert boundaries.joins == {"A": ("A#B", "A#C"), "C": ("C#E", "C#F")}
    assert boundaries.instances["B#D"].node.process == "B"
    done = simulate(boundaries).order
    assert done.index("A#C") > max(done.index("C#E"), done.index("C#F"))


def attempts(run: Run) -> list[int]:
    """How often A, B1, B2, B3 and C of fig. 8 were attempted."""
    return [run.attempts[step] for step in (("Fx", "A"), ("Fy", "B1"), ("Fy", "B2"), ("Fy", "B3"), ("Fx", "C"))]


def crash(at: str, complete: int, *, logged: bool = True) -> Fault:
    return Fault(what=What.CRASH, at=at, phase=Phase(complete=complete, logged=logged))


IN_DOUBT = crash("Fx", 1, logged=False)
FY_IN_B3 = [crash("Fy", 2), crash("Fy", 3, logged=False)]
FIG_8 = [
    ("before registration", [Fault(what=What.UNSET, at="Fx")], {}, [0, 0, 0, 0, 0]),
    ("A applied, not journaled", [IN_DOUBT], {"Fx": 1}, [2, 1, 1, 1, 1]),
    ("A journaled", [crash("Fx", 1)], {"Fx": 1}, [1, 1, 1, 1, 1]),
    ("waiting for Fy", [crash("Fx", 2, logged=False)], {"Fx": 1}, [1, 1, 1, 1, 1]),
    ("Fy before B3", FY_IN_B3[:1], {"Fy": 1}, [1, 1, 1, 1, 1]),
    ("Fy after B3", FY_IN_B3[1:], {"Fy": 1}, [1, 1, 1, 2, 1]),
    ("Fy in B3, then Fx", [FY_IN_B3[1], crash("Fx", 2, logged=False)], {"Fx": 1, "Fy": 1}, [1, 1, 1, 2, 1]),
    ("Fy done, result not delivered", [Fault(what=What.REPLY_LOST, at="Fy")], {"Fx": 1}, [1, 1, 1, 1, 1]),
]


@pytest.mark.parametrize(("_moment", "faults", "again", "expected"), FIG_8)
def test_an_engine_attempts_only_the_step_in_doubt_twice(
    _moment: str, faults: list[Fault], again: dict[str, int], expected: list[int]
) -> None:
    """Fig. 8, run step by step: who is driven again, and attempts of A, B1, B2, B3, C."""
    boundaries = derived("fig9", "log")
    run = simulate(boundaries, faults)
    assert attempts(run) == expected
    if again:
        assert run.invocations - simulate(boundaries).invocations == again
    else:
        assert run.incomplete == ("Fx", "Fy")


@pytest.mark.parametrize(
    ("fault", "must", "may", "in_doubt"),
    [
        ("crash Fx after A not journaled", ["Fx"], [], {("Fx", "A"): (1, 1)}),
        ("crash Fx after A journaled", ["Fx"], [], {}),
        ("crash Fx during Fy", ["Fx"], [], {}),
        ("crash Fy during B3", ["Fy"], [], {("Fy", "B3"): (0, 1)}),
        ("crash Fx after Fy not journaled", ["Fx"], [], {}),
        ("pause Fx during A", ["Fx"], [], {("Fx", "A"): (0, 1)}),
    ],
)
def test_the_formula_bounds_the_attempts_of_an_engine(
    fault: str, must: list[str], may: list[str], in_doubt: dict[tuple[str, str], tuple[int, int]]
) -> None:
    """Fig. 8 by formula: extra attempts only for the step in doubt, none of a child that is attached to."""
    prediction = ask("fig9", fault, "log").prediction
    assert prediction is not None
    assert list(prediction.must) == must
    assert list(prediction.may) == may
    assert prediction.attempts == in_doubt


def test_killing_the_engine_re_drives_each_function_at_most_once() -> None:
    """Fig. 8, engine killed: either function once, no step attempted more than twice, nothing certain."""
    prediction = ask("fig9", "crash store engine", "log").prediction
    assert prediction is not None
    assert prediction.must == {}
    assert prediction.may == {"Fx": 1, "Fy": 1}
    assert set(prediction.attempts.values()) == {(0, 1)}


def test_an_owned_invoker_registers_again() -> None:
    """Fig. 8 with a human behind the API: a death before registration is repaired from above."""
    assert again("fig9_human", "crash Fx before registration", "log") == "API Fx"


def test_nested_boundaries_differ_from_their_layers() -> None:
    """Fig. 9: what is executed again is small, what is guaranteed is everything awaited below."""
    assert {b.name: (b.nodes, b.layer, b.nested_in) for b in derived("fig9").boundaries} == {
        "engine:Fx": (("Fx",), ("Fx", "Fy"), None),
        "engine:Fy": (("Fy",), ("Fy",), "engine:Fx"),
    }
    assert derived("fig9").boundary("engine:Fx").frontier == (), "what is awaited is not handed off"
    assert {b.name: (b.nodes, b.layer, b.nested_in) for b in derived("fig9_human").boundaries} == {
        "human:API": (("API",), ("API", "Fx", "Fy", "S"), None),
        "engine:Fx": (("Fx",), ("Fx", "Fy", "S"), "human:API"),
        "engine:Fy": (("Fy", "S"), ("Fy", "S"), "engine:Fx"),
    }


def test_boundaries_and_frontier_of_the_six_node_figures() -> None:
    """Who owns whom in figs. 3, 4, 4 with early acks, 5 and 6."""
    assert boundaries_of("fig3") == {}
    assert boundaries_of("fig4") == {"human:A": "A B D C E F"}
    assert boundaries_of("fig4_early_ack") == {"human:A": "A B C E"}
    assert derived("fig4_early_ack").unowned == ("D", "F")
    assert boundaries_of("fig5") == {"human:A": "A B C E", "queue:D": "D", "queue:F": "F"}
    assert derived("fig5").boundary("human:A").frontier == ("B->D", "C->F")
    assert boundaries_of("fig6") == {f"queue:{node}": node for node in "ABDCEF"}


@pytest.mark.parametrize(
    ("figure", "expected"),
    [
        ("fig3", (0, 0, 0, 6, False)),
        ("fig4", (1, 6, 0, 0, True)),
        ("fig4_early_ack", (1, 4, 0, 2, False)),
        ("fig5", (3, 4, 0, 0, False)),
        ("fig6", (6, 1, 0, 0, False)),
        ("fig7", (11, 1, 0, 0, False)),
        ("fig9", (2, 1, 1, 0, True)),
    ],
)
def test_summary_of_the_figures(figure: str, expected: tuple[int, int, int, int, bool]) -> None:
    """The table that sets the figures side by side."""
    assert summary(derived(figure)) == expected


@pytest.mark.parametrize(
    ("figure", "boundaries", "caller", "callee", "registrations"),
    [
        ("fig2_caller", {"queue:caller": "caller", "queue:callee": "callee"}, 1, 3, 1),
        ("fig2_callee", {"queue:caller": "caller", "inbox:callee": "callee"}, 1, 3, 1),
        ("fig2_upstream", {"queue:caller": "caller callee"}, 3, 3, 0),
        ("fig2_in_situ", {"queue:caller": "caller callee"}, 1, 3, 0),
    ],
)
def test_a_callee_that_fails_twice_under_each_placement(
    figure: str, boundaries: dict[str, str], caller: int, callee: int, registrations: int
) -> None:
    """Fig. 2: the third attempt succeeds, the effect is there once, and the placement decides who ran how often."""
    run = simulate(derived(figure), [crash("callee", 0)] * 2)
    assert boundaries_of(figure) == boundaries
    assert (run.invocations["caller"], run.invocations["callee"]) == (caller, callee)
    assert run.registrations["callee"] == registrations
    assert run.attempts["callee", "w"] == 1
    assert not run.incomplete


@pytest.mark.parametrize("figure", ["fig2_caller", "fig2_callee", "fig2_upstream", "fig2_in_situ"])
def test_a_lost_ack_costs_one_more_caller_and_callee_under_each_placement(figure: str) -> None:
    """Fig. 2, the caller's own ack is lost: its queue delivers again, and the call is made again."""
    assert again(figure, "crash caller after callee", "reexec") == "caller callee"


@pytest.mark.parametrize(
    ("figure", "expected"),
    [
        ("fig2_caller", "caller callee"),
        ("fig2_callee", "caller callee"),
        ("fig2_upstream", "caller callee"),
        ("fig2_in_situ", "callee"),
    ],
)
def test_a_lost_confirm_is_repaired_by_the_caller(figure: str, expected: str) -> None:
    """Fig. 2, the answer of the call is lost: with a retry of its own the caller survives, otherwise it runs again."""
    assert again(figure, "lose reply caller->callee", "reexec") == expected
