"""Levels L0 to L4: what a manifest lets the suite see, and what the next level asks for."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.conformance.levels import LEVELS, Reached, level_of, placement_of
from harness.conformance.where import manifest_path, pattern_names
from harness.manifest.load import load
from tests.manifest.whole import WHOLE

PENDING = WHOLE[WHOLE.index("[[pending]]") :]
WORLD = 'at = "POST {link:world}/charge"'
ROWS = 'sql = { sqlite = "{data:orders}/x.db", query = "select id from x" }'
CALL = """
[[edge]]
from = "orders"
to = "stock"
awaits = true

[[process]]
name = "stock"
start = ["./stock", "{port}"]

[[node]]
name = "stock"
process = "stock"
"""

RELAY = """
[[process]]
name = "relay"
start = ["./relay", "{link:stock}"]
ready = "none"
"""
"""A process without a node: it carries what orders hands to stock."""


def reached(text: str, folder: Path) -> Reached:
    """The level of a manifest."""
    (folder / "retrigger.toml").write_text(text)
    return level_of(load(folder / "retrigger.toml"))


@pytest.mark.parametrize(
    ("text", "level", "lacks"),
    [
        (WHOLE, "L4", ""),
        (WHOLE.replace(WORLD, ROWS), "L3", "the world as the partner"),
        (WHOLE.replace(PENDING, ""), "L2", "a reader of pending work of orders->payments"),
        (WHOLE + CALL, "L1", "a route with a work id for node stock, which orders calls"),
        (WHOLE + CALL + 'route = "POST /stock"\n', "L0", "orders reaches stock through a link"),
        (WHOLE + CALL + 'route = "POST /stock"\n' + RELAY, "L4", ""),
        (
            WHOLE[: WHOLE.index("[[node.effects]]")] + WHOLE[WHOLE.index("[[edge]]") :],
            "",
            "an effect that can be counted",
        ),
    ],
)
def test_a_level_is_reached_where_nothing_below_is_missing(text: str, level: str, lacks: str, tmp_path: Path) -> None:
    """Each missing part stops at its level, and is named with the lines that add it."""
    found = reached(text, tmp_path)
    assert found.level == level
    gaps = found.next[1] if found.next else ()
    assert bool(gaps) == bool(lacks)
    assert all(lacks in gap.what and gap.fix for gap in gaps)


def test_what_a_level_would_unlock_is_not_claimed_without_it(tmp_path: Path) -> None:
    """Without a reader nobody can say that nothing is pending."""
    assert "P15" in reached(WHOLE, tmp_path).claimed
    without = reached(WHOLE.replace(PENDING, ""), tmp_path)
    assert "P15" not in without.claimed
    assert "P11 P15 P19 (L3: a reader of pending work of orders->payments)" in without.not_claimed


def test_the_minimum_of_the_contract_is_claimed_by_every_pattern() -> None:
    """L0 is what everybody gets."""
    for name in pattern_names():
        assert {"P1a", "P1b", "P2", "P3", "P5", "P16"} <= set(level_of(load(Path(manifest_path(name)))).claimed)


def test_work_that_an_engine_carries_needs_no_route() -> None:
    """Fx waits for Fy, which it reaches through the engine's store: there is no hop to count on."""
    assert level_of(load(Path(manifest_path("engine_dbos")))).level == "L4"


def test_every_level_unlocks_something_of_its_own() -> None:
    """No property is promised twice."""
    unlocked = [name for level in LEVELS for name in level.unlocks]
    assert len(unlocked) == len(set(unlocked))


@pytest.mark.parametrize(
    ("pattern", "placement"),
    [("callee_inbox", "callee"), ("caller_queue", "caller"), ("upstream_sync", "upstream"), ("engine_dbos", "engine")],
)
def test_the_placement_is_read_off_the_triggers(pattern: str, placement: str) -> None:
    """One word for who is responsible."""
    assert placement_of(load(Path(manifest_path(pattern)))) == placement
