"""Places in a text: the scanner finds exactly what `tomllib` finds, where it stands."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.manifest.source import Source, locate, toml_key, toml_value
from tests.manifest.whole import WHOLE

EVERYTHING = '''\
# a comment with [brackets] = "and more"
title = "a # b" # trailing
"quoted key" = 'c:\\path'
many = """
text [not.a.table]
k = 1 \\""" more"""
raw = \'\'\'it's '' raw\'\'\'
date = 1979-05-27 07:32:00
other = 1979-05-27T07:32:00Z
time = 07:32:00
number = +1_000.5e-3
a.b.c = 1
a."d e" = [1, [2, 3], { f = "g", h.i = 2 }]  # nested

[table]
list = [
  "x", # first
  { y = 1, z = [] },
  "}]",
]

[ table . sub ]
k = {}

[[items]]
n = 1
[[items.inner]]
m = 1
[items.inner.deep]
o = 1
[[items.inner]]
[[items]]
[items.last]
p = "#"

[only.inside]
q = 1
'''


def leaves(value: Any, at: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """Every place in a document with what stands there."""
    if at:
        yield at, value
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from leaves(item, (*at, key))


def assert_located(text: str) -> None:
    """Every value is found at a place whose text, read again, is that value."""
    places = locate(text)
    found = dict(leaves(tomllib.loads(text)))
    assert places.keys() == found.keys()
    for path, value in found.items():
        if places[path].form == "value":
            assert tomllib.loads("x = " + text[slice(*places[path].value)])["x"] == value
            if isinstance(path[-1], str):
                assert path[-1] in tomllib.loads(text[slice(*places[path].key)] + " = 1")


@pytest.mark.parametrize("text", [EVERYTHING, WHOLE, "", "\n\n# nothing"])
def test_every_value_is_found_where_it_stands(text: str) -> None:
    """All forms of TOML that a manifest could use are located, and nothing else."""
    assert_located(text)


def test_every_manifest_of_this_project_is_located() -> None:
    """Real files, with their own ways of laying things out."""
    here = Path(__file__).parents[2]
    for path in [here / "pyproject.toml", *here.glob("patterns/*/*.toml"), *here.glob("tests/**/*.toml")]:
        assert_located(path.read_text(encoding="utf-8"))


VALUES = st.recursive(
    st.text(st.characters(exclude_categories=["Cs"]))
    | st.integers(-(2**60), 2**60)
    | st.booleans()
    | st.floats(allow_nan=False),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=4)
    ),
    max_leaves=8,
)


@settings(deadline=None, max_examples=100)
@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), VALUES, max_size=4))
def test_values_written_as_toml_are_read_and_located_again(document: dict[str, Any]) -> None:
    """What an error offers to write is TOML for the value that was meant."""
    text = "".join(f"{toml_key(key)} = {toml_value(value)}\n" for key, value in document.items())
    assert tomllib.loads(text) == document
    assert_located(text)


def test_line_of_a_key_that_is_not_there_is_that_of_its_table() -> None:
    """A missing key is named at the table in which it is missing."""
    source = Source(path=Path("x"), text=WHOLE, raw=tomllib.loads(WHOLE))
    assert source.line(("node", 1, "route")) == source.line(("node", 1)) == 34
    assert source.line(("node", 7, "name")) == source.line(("node",)) == 28
    assert source.line(("nothing",)) == 1


def test_line_inside_a_value_of_many_lines_is_that_of_the_item() -> None:
    """A list over many lines is named where it begins, each item where it stands."""
    text = "\n[a]\nlist = [\n  1,\n  # two\n  { x = 2 },\n]\nlast = 3\n"
    source = Source(path=Path("x"), text=text, raw=tomllib.loads(text))
    places = [("a", "list"), ("a", "list", 0), ("a", "list", 1, "x"), ("a", "last")]
    assert [source.line(path) for path in places] == [3, 4, 6, 8]


def test_key_is_added_in_the_form_of_its_table() -> None:
    """Into a table with a header as a line, into an inline table between its braces, along dots with dots."""
    text = "[a]\nb = { c = 1 }  # why\nd = {}\ne.f = 1\n[g.h]\n"
    source = Source(path=Path("x"), text=text, raw=tomllib.loads(text))
    assert source.with_value(("a", "n"), "v") == 'n = "v"'
    assert source.with_value(("a", "b", "n"), 2.0) == "b = { c = 1, n = 2.0 }  # why"
    assert source.with_value(("a", "d", "n"), True) == "d = { n = true }"
    assert source.with_value(("a", "e", "n"), [1]) == "e.n = [1]"
    assert source.with_value(("a", "new", "n"), 1) == "new = { n = 1 }"
    assert source.with_value(("g", "n"), 1) == "[g]\nn = 1"
    assert source.with_value(("g", "h", "n"), 1) == "n = 1"
    assert source.edited(source.place(("g",)).key, "k") == "[k.h]"
    assert source.with_value(("a", "b", "c"), 3) == "b = { c = 3 }  # why"
