"""A case's history, cut into phases."""

from __future__ import annotations

from typing import Any

import pytest

from harness.bench.phases import PHASES, Split, split_of, summary
from harness.history import Event, History, Kind

FAULT = "kill worker @recv charge w1"


Row = tuple[float, Kind, str, str, dict[str, Any]]


def history(*events: Row) -> History:
    """A history of (milliseconds, kind, where, work, data)."""
    return History(
        Event(at_s=at / 1000, kind=kind, where=where, work=work, data=data) for at, kind, where, work, data in events
    )


def killed_worker(*ending: Row) -> History:
    """A worker is killed when its charge has arrived, and the row waits for the end of its lease."""
    return history(
        (1, Kind.SYSTEM, "", "", {}),
        (1, Kind.PHASE, "start", "", {}),
        (20, Kind.PHASE, "load", "", {}),
        (20, Kind.SUBMIT, "client->orders", "w1", {}),
        (23, Kind.DELIVER, "client->orders", "w1", {}),
        (27, Kind.ANSWER, "client->orders", "w1", {}),
        (30, Kind.POINT, FAULT, "w1", {}),
        (30, Kind.FAULT, FAULT, "w1", {"state": "about to"}),
        (35, Kind.FAULT, FAULT, "w1", {"state": "landed"}),
        (36, Kind.PROCESS, "worker", "", {"state": "started"}),
        (45, Kind.FAULT, FAULT, "w1", {"state": "healed"}),
        (50, Kind.APPLY, "charge", "w2", {}),
        (235, Kind.APPLY, "charge", "w1", {}),
        *ending,
    )


QUIET: tuple[Row, ...] = (
    (240.0, Kind.QUIET, "", "", {}),
    (241.0, Kind.PHASE, "replay", "", {}),
    (244.0, Kind.DELIVER, "client->orders", "w1", {}),
    (288.0, Kind.QUIET, "", "", {}),
    (288.0, Kind.PHASE, "end", "", {}),
    (296.0, Kind.PROCESS, "worker", "", {"state": "killed"}),
)


def in_ms(split: dict[str, float]) -> dict[str, float]:
    return {name: round(1000 * seconds, 3) for name, seconds in split.items()}


def test_each_phase_ends_where_the_next_begins() -> None:
    """The wait for a lease belongs to the recovery: it lasts until the struck work was driven to its end."""
    assert in_ms(split_of(killed_worker(*QUIET))) == {
        "start": 20, "submit": 3, "reach": 7, "kill": 5, "recover": 200, "drain": 5, "replay": 48,
    }  # fmt: skip


def test_the_phases_of_a_case_add_up_to_it() -> None:
    """No time is counted twice and none is lost, up to the phase in which everything is killed."""
    assert sum(split_of(killed_worker(*QUIET)).values()) == pytest.approx(0.288)


def test_a_case_that_never_became_quiet_is_drained_until_its_patience_ends() -> None:
    """Stranded work has no replay, and its long wait is seen."""
    split = in_ms(split_of(killed_worker((2235, Kind.DEADLINE, "", "", {}), (2236, Kind.PHASE, "end", "", {}))))
    assert split["drain"] == 2000
    assert "replay" not in split


def test_a_case_without_a_fault_has_nothing_to_reach_and_nothing_to_recover_from() -> None:
    """Phases that a case had not are absent, and do not draw the medians down."""
    plain = history(
        (0, Kind.SYSTEM, "", "", {}),
        (9, Kind.PHASE, "load", "", {}),
        (11, Kind.DELIVER, "client->orders", "w1", {}),
        (15, Kind.QUIET, "", "", {}),
        (16, Kind.PHASE, "replay", "", {}),
        (20, Kind.PHASE, "end", "", {}),
    )
    assert in_ms(split_of(plain)) == {"start": 9, "submit": 2, "drain": 4, "replay": 5}


def test_a_case_that_did_not_start_has_only_a_start() -> None:
    """A process that is never ready ends the case before its load."""
    unready = history((0, Kind.SYSTEM, "", "", {}), (5000, Kind.PHASE, "end", "", {}))
    assert in_ms(split_of(unready)) == {"start": 5000}


def test_a_fault_that_is_healed_before_it_is_proven_makes_no_phase_negative() -> None:
    """A lost reply is proven only after the link is whole again."""
    late = history(
        (0, Kind.SYSTEM, "", "", {}),
        (5, Kind.PHASE, "load", "", {}),
        (6, Kind.DELIVER, "client->orders", "w1", {}),
        (7, Kind.POINT, FAULT, "w1", {}),
        (10, Kind.FAULT, FAULT, "w1", {"state": "healed"}),
        (12, Kind.FAULT, FAULT, "w1", {"state": "landed"}),
        (20, Kind.QUIET, "", "", {}),
    )
    assert in_ms(split_of(late)) == {"start": 5, "submit": 1, "reach": 1, "kill": 5, "recover": 0, "drain": 8}


def test_the_summary_counts_only_the_cases_that_have_a_phase() -> None:
    """Median and ninth decile are of those, in milliseconds, and phases nobody had are left out."""
    splits = [Split(total_s=ms / 1000, phase_s={"start": ms / 1000}) for ms in range(1, 11)]
    splits.append(Split(total_s=0.1, phase_s={"start": 0.1, "kill": 0.004}))
    found = summary(splits)
    assert found["cases"] == 11
    assert found["total"] == {"p50": 6, "p90": 10, "mean": pytest.approx(14.09, abs=0.01)}
    assert found["phases"]["kill"] == {"p50": 4, "p90": 4, "mean": 4, "cases": 1}
    assert set(found["phases"]) == {"start", "kill"} <= set(PHASES)
