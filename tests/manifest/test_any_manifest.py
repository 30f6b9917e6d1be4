"""Whatever is done to a manifest, reading it ends in a manifest or in problems with lines of the file."""

from __future__ import annotations

import copy
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.manifest.source import toml_key, toml_value
from tests.manifest.whole import WHOLE, line_of, obeyed, problems_of

At = tuple[str | int, ...]
KEYS = sorted({key for line in WHOLE.splitlines() for key in [line.partition(" =")[0]] if key.isidentifier()})
SCALARS: st.SearchStrategy[Any] = (
    st.sampled_from(
        ["", "orders", "payments", "world", "{work}", "{link:orders}", "{link:x}", "->", "a -> b", "[", '"']
    )
    | st.text(max_size=8)
    | st.integers(-(2**40), 2**40)
    | st.floats()
    | st.booleans()
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)
quick = settings(deadline=None, max_examples=80, suppress_health_check=[HealthCheck.too_slow])


def paths(value: Any, at: At = ()) -> Iterator[At]:
    """Every place in a document."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield (*at, key)
        yield from paths(item, (*at, key))


def written(document: dict[str, Any]) -> str:
    """A document as TOML: scalars first, then tables, lists of tables with headers."""
    lines, tables = [], []
    for key, value in document.items():
        if isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
            tables += [line for item in value for line in (f"[[{toml_key(key)}]]", *pairs(item))]
        elif isinstance(value, dict):
            tables += [f"[{toml_key(key)}]", *pairs(value)]
        else:
            lines.append(f"{toml_key(key)} = {toml_value(value)}")
    return "\n".join([*lines, *tables])


def pairs(table: dict[str, Any]) -> list[str]:
    """The keys of a table, a line each."""
    return [f"{toml_key(key)} = {toml_value(value)}" for key, value in table.items()]


def changed(document: dict[str, Any], data: st.DataObject) -> None:
    """Drops, replaces, renames or repeats one thing in the document."""
    at = data.draw(st.sampled_from(sorted(paths(document), key=repr)))
    table: Any = document
    for step in at[:-1]:
        table = table[step]
    key: Any = at[-1]
    match data.draw(st.sampled_from(["drop", "replace", "rename", "repeat"])):
        case "drop":
            del table[key]
        case "replace":
            table[key] = data.draw(VALUES)
        case "rename" if isinstance(table, dict):
            table[data.draw(st.sampled_from(KEYS) | st.text(max_size=5))] = table.pop(key)
        case _ if isinstance(table, list):
            table.append(copy.deepcopy(table[key]))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all examples of this module."""
    return tmp_path_factory.mktemp("any_manifest")


def assert_well_told(text: str, folder: Path) -> None:
    """Both ways of reading end in a manifest or in problems that name a line, what was expected, and a way out."""
    last = text.replace("\r\n", "\n").count("\n") + 1
    for purpose in ("run", "boundaries"):
        for problem in problems_of(text, folder, purpose):
            assert 1 <= line_of(problem) <= last
            assert problem.what
            assert problem.expected
            assert problem.got
            assert problem.fix
            assert "Input should" not in str(problem)


@quick
@given(data=st.data())
def test_changed_keys_and_values_end_in_problems_with_lines(folder: Path, data: st.DataObject) -> None:
    """Keys dropped, replaced, renamed or repeated, up to three at once: never anything but named problems."""
    document = tomllib.loads(WHOLE)
    for _ in range(data.draw(st.integers(1, 3))):
        changed(document, data)
    assert_well_told(written(document), folder)


@quick
@given(data=st.data())
def test_changed_text_ends_in_problems_with_lines(folder: Path, data: st.DataObject) -> None:
    """A piece of the text cut out and something else put in: the same, also where it is no TOML any more."""
    start = data.draw(st.integers(0, len(WHOLE)))
    end = start + data.draw(st.integers(0, 40))
    new = data.draw(
        st.sampled_from(['"', "[", "]", "{", "}", "=", "\n", "'''", "#", ",", "1", "[[node]]\n"]) | st.text(max_size=6)
    )
    assert_well_told(WHOLE[:start] + new + WHOLE[end:], folder)


@quick
@given(data=st.data())
def test_line_to_write_mends_any_replaced_value(folder: Path, data: st.DataObject) -> None:
    """Whoever does what the first error says is rid of it, whatever scalar was replaced by whatever."""
    document = tomllib.loads(WHOLE)
    at = data.draw(st.sampled_from([path for path in sorted(paths(document), key=repr) if len(path) > 1]))
    table: Any = document
    for step in at[:-1]:
        table = table[step]
    if isinstance(table, dict) and not isinstance(table[at[-1]], list | dict):
        table[at[-1]] = data.draw(SCALARS)
    text = written(document)
    before = problems_of(text, folder)
    if before and not before[0].fix.startswith("move"):
        after = [problems_of(new, folder) for new in obeyed(text, before[0])]
        assert any(all(problem.what != before[0].what for problem in problems) for problems in after)
