"""Who may know whom: the rooms of the harness import in one direction only, read from their source, not from a run."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import harness
import patterns
import reference_services

HARNESS = Path(harness.__file__).parent
LAYERS = (
    ("errors",),
    ("boundaries", "history"),
    ("manifest",),
    ("plans", "checks"),
    ("world", "targets", "network"),
    ("stores",),
    ("runner",),
    ("report",),
    ("conformance",),
    ("truth",),
    ("pytest_plugin",),
    ("cli",),
    ("bench",),
)
"""From the bottom up. A room knows those of the layers below, and none beside it."""
LEVEL = {room: level for level, rooms in enumerate(LAYERS) for room in rooms}


def sources(folder: Path) -> list[Path]:
    """The Python files below a folder."""
    return sorted(path for path in folder.rglob("*.py") if "__pycache__" not in path.parts)


def room_of(path: Path) -> str:
    """The room that a file of the harness belongs to."""
    return path.relative_to(HARNESS).parts[0].removesuffix(".py")


def imported(path: Path) -> Iterator[str]:
    """The dotted names of everything that a file imports, wherever in it the import stands."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: imports are written in full"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def rooms_known_to(path: Path) -> set[str]:
    """The other rooms that a file imports from."""
    names = (name.split(".")[1] for name in imported(path) if name.startswith("harness."))
    return {name for name in names if not name.startswith("_")} - {room_of(path)}


def test_every_room_has_its_place() -> None:
    """A new room is put into the order before it is used."""
    rooms = {room_of(path) for path in sources(HARNESS)} - {"__init__"}
    assert rooms == set(LEVEL)


@pytest.mark.parametrize("room", LEVEL)
def test_room_knows_only_what_lies_below_it(room: str) -> None:
    """No room imports from above, and none from beside it."""
    astray = {
        f"{path.relative_to(HARNESS)} imports {other}"
        for path in sources(HARNESS)
        if room_of(path) == room
        for other in rooms_known_to(path)
        if LEVEL[other] >= LEVEL[room]
    }
    assert astray == set()


@pytest.mark.parametrize(
    ("room", "allowed"),
    [
        ("errors", set()),
        ("history", {"errors"}),
        ("boundaries", {"errors"}),
        ("checks", {"errors", "history"}),
        ("network", {"errors"}),
        ("targets", {"errors"}),
    ],
)
def test_room_that_could_live_alone_knows_no_more(room: str, allowed: set[str]) -> None:
    """The model and the checks work on a machine with nothing else of this project."""
    known = {other for path in sources(HARNESS) if room_of(path) == room for other in rooms_known_to(path)}
    assert known <= allowed


@pytest.mark.parametrize("room", ["errors", "history", "boundaries", "checks"])
def test_model_and_checks_need_the_standard_library_only(room: str) -> None:
    """A saved history can be judged where nothing is installed."""
    foreign = {
        f"{path.relative_to(HARNESS)} imports {name}"
        for path in sources(HARNESS)
        if room_of(path) == room
        for name in imported(path)
        if name.split(".")[0] not in {*sys.stdlib_module_names, "harness"}
    }
    assert foreign == set()


def test_services_do_not_know_the_harness() -> None:
    """A reference service is one that a reader copies: it is driven from outside, and runs without us."""
    for path in sources(Path(reference_services.__file__).parent):
        assert not [name for name in imported(path) if name.split(".")[0] in ("harness", "patterns", "tests")], path


def test_patterns_know_nobody() -> None:
    """A pattern is a folder with a manifest; what Python there is names no part of the harness."""
    for path in sources(Path(patterns.__file__).parent):
        assert not [name for name in imported(path) if name.split(".")[0] in ("harness", "tests")], path


def test_harness_names_no_pattern_and_no_reference_service() -> None:
    """A new pattern is a new folder, and no line of the harness: neither code nor text in it speaks of one."""
    names = sorted(path.parent.name for path in Path(patterns.__file__).parent.glob("*/retrigger.toml"))
    assert names
    spoken = [
        f"{path.relative_to(HARNESS)}: {name}"
        for path in sources(HARNESS)
        for name in (*names, "reference_services")
        if name in path.read_text(encoding="utf-8")
    ]
    assert spoken == []
