"""The text of a manifest, with the place of every key: so that an error can name a line and show the line to write.

`tomllib` decides what is TOML and says nothing about places; the scanner here runs over text that `tomllib` has
accepted and only has to find where things stand. Proposals are real edits of that text, cut down to the lines they
touch.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

__all__ = ["KeyPath", "Place", "Source", "locate", "toml_key", "toml_value"]

KeyPath = tuple[str | int, ...]
"""Where a value stands in the document: keys of tables and positions in arrays, from 0."""

_BLANK = re.compile(r"(?:\s|#[^\n]*)*")
_KEY = re.compile(r"""[A-Za-z0-9_-]+|"(?:\\.|[^"\\])*"|'[^']*'""")
_SCALAR = re.compile(
    r'"""(?:\\[\s\S]|[^\\])*?"""(?:"{0,2})'
    r"|'''[\s\S]*?'''(?:'{0,2})"
    r'|"(?:\\.|[^"\\])*"'
    r"|'[^']*'"
    r"|\d{4}-\d\d-\d\d(?: \d\d:[^\s,\]}#]*)?[^\s,\]}#]*"
    r"|[^\s,\]}#]+"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Offsets of one key and its value in the text; both are the whole header where a table has a header of its own.

    key: first and last offset of the last part of the key. value: of the value.
    form: `value`, `header` (`[a]`, `[[a]]`), `implied` (the `a` of `[a.b]`) or `dotted` (the `a` of `a.b = 1`).
    """

    key: tuple[int, int]
    value: tuple[int, int]
    form: str = "value"


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.places: dict[KeyPath, Place] = {}
        self.last_index: dict[KeyPath, int] = {}

    def scan(self) -> dict[KeyPath, Place]:
        table: KeyPath = ()
        while self.peek():
            if self.peek() == "[":
                table = self.header()
            else:
                self.pair(table)
        return self.places

    def peek(self) -> str:
        """The next character that is neither blank nor comment; empty at the end."""
        self.skip(_BLANK)
        return self.text[self.at : self.at + 1]

    def skip(self, pattern: re.Pattern[str]) -> tuple[int, int]:
        match = pattern.match(self.text, self.at)
        if match is None:
            raise ValueError(f"no TOML at offset {self.at}")
        self.at = match.end()
        return match.span()

    def keys(self) -> list[tuple[str, tuple[int, int]]]:
        parts = []
        while True:
            self.peek()
            span = self.skip(_KEY)
            parts.append((_unquoted(self.text[slice(*span)]), span))
            if self.peek() != ".":
                return parts
            self.at += 1

    def header(self) -> KeyPath:
        start = self.at
        width = 2 if self.text.startswith("[[", start) else 1
        self.at += width
        parts = self.keys()
        self.at += width
        place = Place(key=parts[-1][1], value=(start, self.at), form="header")
        path: KeyPath = ()
        for name, span in parts[:-1]:
            self.places.setdefault((*path, name), replace(place, key=span, form="implied"))
            path = self.into_last((*path, name))
        path = (*path, parts[-1][0])
        if width == 2:
            self.places.setdefault(path, place)
            path = self.new_item(path)
        self.places[path] = place
        return path

    def into_last(self, path: KeyPath) -> KeyPath:
        """Steps into the newest item where the path names an array of tables."""
        return (*path, self.last_index[path]) if path in self.last_index else path

    def new_item(self, path: KeyPath) -> KeyPath:
        self.last_index[path] = self.last_index.get(path, -1) + 1
        return (*path, self.last_index[path])

    def pair(self, table: KeyPath) -> None:
        parts = self.keys()
        self.at += 1  # the "=", which keys() stopped at
        path = table
        for name, span in parts[:-1]:
            path = (*path, name)
            self.places.setdefault(path, Place(key=span, value=(parts[0][1][0], span[1]), form="dotted"))
        self.value((*path, parts[-1][0]), key=parts[-1][1])

    def value(self, path: KeyPath, key: tuple[int, int] | None) -> None:
        opening = self.peek()
        start = self.at
        if opening == "[":
            self.array(path)
        elif opening == "{":
            self.inline_table(path)
        else:
            self.skip(_SCALAR)
        self.places[path] = Place(key=key or (start, self.at), value=(start, self.at))

    def array(self, path: KeyPath) -> None:
        self.at += 1
        index = 0
        while self.peek() != "]":
            self.value((*path, index), key=None)
            index += 1
            self.comma()
        self.at += 1

    def inline_table(self, path: KeyPath) -> None:
        self.at += 1
        while self.peek() != "}":
            self.pair(path)
            self.comma()
        self.at += 1

    def comma(self) -> None:
        if self.peek() == ",":
            self.at += 1


def _unquoted(key: str) -> str:
    if key[0] not in "\"'":
        return key
    text: str = tomllib.loads(f"key = {key}")["key"]
    return text


def locate(text: str) -> dict[KeyPath, Place]:
    """The place of every key and array item in a text that `tomllib` accepts."""
    return _Scanner(text).scan()


def toml_key(name: str) -> str:
    """The key as TOML writes it: bare where it can be."""
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else toml_value(name)


def toml_value(value: object) -> str:
    """A value as one line of TOML."""
    if isinstance(value, Mapping):
        if not value:
            return "{}"
        return "{ " + ", ".join(f"{toml_key(key)} = {toml_value(item)}" for key, item in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(toml_value(item) for item in value) + "]"
    if isinstance(value, str | bool):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return str(value)


@dataclass(frozen=True, kw_only=True)
class Source:
    """A manifest as it was written.

    path: where it was read from. text: its text. raw: the same as plain Python values.
    """

    path: Path
    text: str
    raw: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def places(self) -> dict[KeyPath, Place]:
        """The place of every key. Found on the first complaint only: a good manifest never pays for it."""
        return locate(self.text)

    def place(self, path: KeyPath) -> Place:
        """The place of this key, or of the nearest table around it that is written down."""
        while path:
            if path in self.places:
                return self.places[path]
            path = path[:-1]
        return Place(key=(0, 0), value=(0, 0), form="header")

    def line(self, path: KeyPath) -> int:
        """Number of the line, from 1, that the key stands in."""
        return self.text.count("\n", 0, self.place(path).key[0]) + 1

    def written(self, path: KeyPath) -> str:
        """The value as it stands in the file; for a table with a header, the header. Empty where nothing is written."""
        return self.text[slice(*self.places[path].value)] if path in self.places else ""

    def at(self, path: KeyPath) -> Any:
        """The value at this path. Raises KeyError, IndexError or TypeError where there is none."""
        value: Any = self.raw
        for step in path:
            value = value[step]
        return value

    def label(self, path: KeyPath) -> str:
        """The key in words: `node[payments].effects[charge].sink`, items by their name where they have one."""
        words = ""
        for depth, step in enumerate(path):
            words += f".{step}" if isinstance(step, str) else f"[{self._item_name(path[: depth + 1])}]"
        return words.removeprefix(".")

    def _item_name(self, path: KeyPath) -> str:
        try:
            item = self.at(path)
        except (KeyError, IndexError, TypeError):
            item = None
        if isinstance(item, dict) and isinstance(item.get("name"), str):
            return str(item["name"])
        if isinstance(item, dict) and {"from", "to"} <= item.keys():
            return f"{item['from']}->{item['to']}"
        return str(int(path[-1]) + 1)

    def with_value(self, path: KeyPath, value: object) -> str:
        """The line or lines to write so that this key has this value, whether or not it is there already."""
        place = self.places.get(path)
        if place is not None and place.form == "value":
            return self.edited(place.value, toml_value(value))
        parent, key = path[:-1], str(path[-1])
        if parent and parent not in self.places:
            return self.with_value(parent, {key: value})
        pair = f"{toml_key(key)} = {toml_value(value)}"
        if self.place(parent).form == "implied":
            return f"[{'.'.join(step for step in parent if isinstance(step, str))}]\n{pair}"
        return self._added(self.place(parent), pair)

    def _added(self, table: Place, pair: str) -> str:
        if table.form == "header":
            return pair
        if table.form == "dotted":
            return f"{self.text[slice(*table.value)]}.{pair}"
        inside = self.text[table.value[0] + 1 : table.value[1] - 1].rstrip()
        start = table.value[0] + 1 + len(inside)
        return self.edited((start, table.value[1]), f", {pair} }}" if inside.strip() else f" {pair} }}")

    def edited(self, span: tuple[int, int], new: str) -> str:
        """The whole lines around these offsets, with `new` between them."""
        start = self.text.rfind("\n", 0, span[0]) + 1
        end = self.text.find("\n", span[1])
        return (self.text[start : span[0]] + new + self.text[span[1] : end if end >= 0 else None]).strip()
