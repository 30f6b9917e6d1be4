"""Is every key of a manifest what it should be? The types of `harness.manifest.model`, with errors in plain words.

The validator's own messages are not shown. It says *which* key is missing, unknown or wrong; what was expected is read
from the schema, and what to write instead is found by trying: a proposed value is put in and validated again.
"""

from __future__ import annotations

import copy
import re
import shlex
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from pydantic import ValidationError

from harness.manifest.complaint import Complaint, closest, refuse
from harness.manifest.model import Manifest
from harness.manifest.schema import Schema, example, fragment, in_words, known_keys, resolve
from harness.manifest.source import KeyPath, Source

__all__ = ["shaped"]

_NAMES: dict[tuple[str, ...], str] = {
    ("node", "process"): "process",
    ("edge", "from"): "node",
    ("edge", "to"): "node",
    ("submit", "node"): "node",
    ("submit", "publish", "resource"): "resource",
    ("pending", "nats", "resource"): "resource",
    ("pending", "redis", "resource"): "resource",
    ("pending", "engine", "resource"): "resource",
    ("node", "effects", "nats", "resource"): "resource",
    ("node", "effects", "redis", "resource"): "resource",
}
"""Keys that hold the name of something declared elsewhere: a proposal names something that exists."""


def shaped(source: Source) -> Manifest:
    """The manifest, every key of the right type.

    Raises:
        ManifestError: some are not; with all of them.
    """
    complain = {"missing": _missing, "unknown": _unknown, "wrong": _wrong}
    found = _without_echoes(_misshapen(source.raw))
    refuse(source, [complain[kind](source, path) for path, kind in found.items()])
    return Manifest.model_validate(source.raw, by_alias=True, by_name=False)


def _misshapen(raw: dict[str, Any]) -> dict[KeyPath, str]:
    """Every key that is not what it should be, as `missing`, `unknown` or `wrong`."""
    found: dict[KeyPath, str] = {}
    if "path" in raw:  # a field of the model that is no key of the file
        found["path",] = "unknown"
    if raw.get("spec") is True:  # to Python, true is 1
        found["spec",] = "wrong"
    try:
        Manifest.model_validate({key: raw[key] for key in raw if key != "path"}, by_alias=True, by_name=False)
    except ValidationError as error:
        for one in error.errors(include_url=False, include_context=False, include_input=False):
            if one["type"] == "missing":
                found.setdefault(one["loc"], "missing")
            else:
                kind = "unknown" if one["type"] == "extra_forbidden" else "wrong"
                found.setdefault(_written_part(raw, one["loc"]), kind)
    return found


def _without_echoes(found: dict[KeyPath, str]) -> dict[KeyPath, str]:
    """The same without keys that are only missing because they are misspelt: one mistake, one complaint."""

    def is_echo(path: KeyPath) -> bool:
        unknown = [str(bad[-1]) for bad in found if bad[:-1] == path[:-1] and found[bad] == "unknown"]
        return found[path] == "missing" and any(closest(key, known_keys(path[:-1])) == path[-1] for key in unknown)

    return {path: kind for path, kind in found.items() if not is_echo(path)}


def _written_part(raw: Any, loc: KeyPath) -> KeyPath:
    """The part of a validator's location that is in the document; the rest names branches of its types."""
    for depth, step in enumerate(loc):
        try:
            raw = raw[step]
        except (KeyError, IndexError, TypeError):
            return loc[:depth]
    return loc


def _missing(source: Source, path: KeyPath) -> Complaint:
    part = fragment(path)
    names = _declared_names(source, path)
    own_name = _value_or_none(source, (*path[:-1], "name"))
    return Complaint(
        at=path,
        what=f'"{path[-1]}" is missing in {source.label(path[:-1]) or "the manifest"}',
        expected=f"{_expected(path)}. {part.get('description', '')}",
        got="no such key",
        value=own_name if own_name in names else [*names, example(part)][0],
    )


def _unknown(source: Source, path: KeyPath) -> Complaint:
    key, table = str(path[-1]), path[:-1]
    known = known_keys(table)
    headed = source.places[path].form in ("header", "implied")
    free = (
        name
        for name in known
        if (*table, name) not in source.places or (headed and _header((*table, name))[:2] == "[[")
    )
    meant = closest(key, free)
    return Complaint(
        at=path,
        what=f'unknown key "{key}" in {source.label(table) or "the manifest"}',
        expected="one of " + ", ".join(known),
        got=source.written(path) if headed else f"{key} = {source.written(path)}",
        fix=_renamed(source, path, meant) if meant else _moved(key),
    )


def _renamed(source: Source, path: KeyPath, meant: str) -> str:
    place = source.places[path]
    return _header((*path[:-1], meant)) if place.form == "header" else source.edited(place.key, meant)


def _header(path: KeyPath) -> str:
    """The header of the table at this path, with as many brackets as the format asks for."""
    name = ".".join(step for step in path if isinstance(step, str))
    return f"[[{name}]]" if resolve(fragment(path)).get("type") == "array" else f"[{name}]"


def _moved(key: str) -> str:
    """Where a key that is unknown here is known: a line in the wrong table is the commonest cause."""
    if key in known_keys(()):
        return "move this line to the top of the file, above the first table"
    homes = [_header((table,)) for table in known_keys(()) if key in known_keys(_inside(table))]
    return f"move this line to {' or '.join(homes)}" if homes else "delete this line"


def _inside(table: str) -> KeyPath:
    return (table, 0) if resolve(fragment((table,))).get("type") == "array" else (table,)


def _wrong(source: Source, path: KeyPath) -> Complaint:
    value, part = source.at(path), resolve(fragment(path))
    place = source.places[path]
    is_table = isinstance(value, dict) or (isinstance(value, list) and all(isinstance(item, dict) for item in value))
    if place.form in ("header", "implied") and is_table and ("properties" in part or "$ref" in part.get("items", {})):
        expected = fix = _header(path)
    else:
        expected, fix = _expected(path), ""
    return Complaint(
        at=path,
        what=f"{source.label(path)} cannot be {_value_in_words(source, path)}",
        expected=expected,
        value=None if fix else _mended(source, path),
        fix=fix,
    )


def _expected(path: KeyPath) -> str:
    key = next((step for step in reversed(path) if isinstance(step, str)), "")
    return in_words(fragment(path), unit="seconds" if key.endswith("_s") else "")


def _value_in_words(source: Source, path: KeyPath) -> str:
    value, written = source.at(path), source.written(path)
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "a table"
    return written if len(written) <= 40 and "env" not in path else "this"


def _mended(source: Source, path: KeyPath) -> object:
    """The first proposal that the format accepts in place of what is there."""
    value, part = source.at(path), fragment(path)
    names = _declared_names(source, path)
    for proposal in [*_proposals(value, part, names), example(part)]:
        if not any(bad[: len(path)] == path for bad in _misshapen(_replaced(source.raw, path, proposal))):
            return proposal
    return example(part)


def _replaced(raw: dict[str, Any], path: KeyPath, value: object) -> dict[str, Any]:
    changed = copy.deepcopy(raw)
    table: Any = changed
    for step in path[:-1]:
        table = table[step]
    table[path[-1]] = value
    return changed


def _proposals(value: Any, part: Schema, names: list[str]) -> Iterator[object]:
    """What somebody who wrote this value may have meant, likeliest first. Most do not fit; trying tells."""
    part = resolve(part)
    if isinstance(value, str):
        yield from filter(None, [closest(value, [*names, *_choices(part)])])
        yield from _from_text(value)
    elif isinstance(value, bool):
        yield str(value).lower()
    elif isinstance(value, int | float):
        yield from (str(value), abs(value))
        if abs(value) < 1e9:
            yield round(abs(value))
    elif isinstance(value, list):
        yield [str(item) for item in value if not isinstance(item, dict | list)]
        yield from value[:1]
    yield [value]
    if "default" in part:
        yield part["default"]
    yield from names


def _choices(part: Schema) -> list[str]:
    """The texts that a key can be, where it can be one of a few."""
    own = [*part.get("enum", ()), part.get("const")]
    return [text for text in own if isinstance(text, str)] + [
        text for choice in part.get("anyOf", ()) for text in _choices(choice)
    ]


def _from_text(text: str) -> Iterator[object]:
    number = re.match(r"\s*(\d+)(\.\d+)?", text)
    if number:
        yield float(number[0]) if number[2] else int(number[0])
    if text.lower() in ("true", "false", "yes", "no"):
        yield text.lower() in ("true", "yes")
    with suppress(ValueError):  # quotes that do not close
        yield shlex.split(text)
    yield "/" + text
    yield re.sub(r"[^A-Za-z0-9_.#-]+", "-", text).strip("-")[:64]
    yield "n" + re.sub(r"[^A-Za-z0-9_.#-]+", "-", text)[:60]


def _declared_names(source: Source, path: KeyPath) -> list[str]:
    """The names that a key which refers to something could hold; empty for any other key."""
    table = _NAMES.get(tuple(step for step in path if isinstance(step, str)))
    items = source.raw.get(table, []) if table else []
    found = [item.get("name") for item in items if isinstance(item, dict)] if isinstance(items, list) else []
    return [name for name in found if isinstance(name, str)]


def _value_or_none(source: Source, path: KeyPath) -> Any:
    try:
        return source.at(path)
    except (KeyError, IndexError, TypeError):
        return None
