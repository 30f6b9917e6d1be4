"""The format of a manifest as a JSON Schema, for editors, and in plain words, for errors and for the reference.

Both come from `harness.manifest.model`, so that neither can say something else than what is checked.
"""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from harness.manifest.model import Manifest
from harness.manifest.source import KeyPath

__all__ = ["example", "fragment", "in_words", "known_keys", "manifest_schema", "resolve", "schema_text"]

Schema = dict[str, Any]


class _AsWritten(GenerateJsonSchema):
    """Keeps the model's order, and leaves out titles made from field names, so that each title is one of ours."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        """Never: "Timeout S" tells nobody anything."""
        return False

    def sort(self, value: Any, parent_key: str | None = None) -> Any:
        """Leaves the order of keys as the model has it."""
        return value


def manifest_schema() -> Schema:
    """The JSON Schema of `retrigger.toml`; taplo and other editors take it by a `#:schema PATH` line at the top."""
    schema = Manifest.model_json_schema(schema_generator=_AsWritten)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **_without_null(schema)}


def _without_null(schema: Any) -> Any:
    """The same without null, which TOML does not have: `X or null` becomes X."""
    if isinstance(schema, list):
        return [_without_null(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {key: _without_null(value) for key, value in schema.items() if not (key == "default" and value is None)}
    choices = [choice for choice in kept.get("anyOf", ()) if choice != {"type": "null"}]
    if len(choices) == 1:
        del kept["anyOf"]
        return choices[0] | kept
    return kept | {"anyOf": choices} if choices else kept


def schema_text() -> str:
    """The schema as a JSON file."""
    return json.dumps(manifest_schema(), indent=2) + "\n"


_schema = cache(manifest_schema)


def resolve(part: Schema) -> Schema:
    """The same schema with a reference to a table replaced by the table."""
    return part | _schema()["$defs"][part["$ref"].rpartition("/")[2]] if "$ref" in part else part


def fragment(path: KeyPath) -> Schema:
    """What the format says about the value at this path; empty where it says nothing."""
    part = _schema()
    for step in path:
        part = resolve(part)
        if isinstance(step, int):
            part = part.get("items", {})
        elif step in part.get("properties", {}):
            part = part["properties"][step]
        else:
            extra = part.get("additionalProperties")
            part = extra if isinstance(extra, dict) else {}
    return part


def known_keys(path: KeyPath) -> list[str]:
    """The keys that the table at this path may have; empty where it is no table or may have any."""
    return list(resolve(fragment(path)).get("properties", {}))


def in_words(part: Schema, unit: str = "") -> str:
    """What a value has to be, in plain words.

    Args:
        part: a part of the schema. unit: what a number counts, such as "seconds"; may be empty.
    """
    if "title" in part and "$ref" not in part:
        return str(part["title"])
    if "anyOf" in part:
        return ", or ".join(in_words(choice, unit) for choice in part["anyOf"])
    if "const" in part:
        return _quoted(part["const"])
    if "enum" in part:
        return "one of " + ", ".join(_quoted(choice) for choice in part["enum"])
    if "items" in part:
        return "a list: [...], each " + in_words(part["items"], unit)
    return _type_in_words(resolve(part), unit)


def _type_in_words(part: Schema, unit: str) -> str:
    number = (f" of {unit}" if unit else "") + _bounds(part)
    if isinstance(part.get("additionalProperties"), dict):
        return "a table { NAME = VALUE }, each value " + in_words(part["additionalProperties"])
    if "properties" in part:
        return "a table with " + (", ".join(part.get("required", [])) or "any of its keys")
    words = {"boolean": "true or false", "string": "a text in quotes", "array": "a list: [...]"}
    words |= {"integer": "a whole number" + number, "number": "a number" + number}
    return words.get(part.get("type", ""), "a value")


def _bounds(part: Schema) -> str:
    if "minimum" in part and "maximum" in part:
        return f" from {part['minimum']} to {part['maximum']}"
    if "minimum" in part:
        return f", {part['minimum']:g} or more"
    return f" above {part['exclusiveMinimum']:g}" if "exclusiveMinimum" in part else ""


def _quoted(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)


def example(part: Schema) -> Any:
    """A value that fits: the first example, else the default, else the smallest that the format allows."""
    if "examples" in part:
        return part["examples"][0]
    if "default" in part:
        return part["default"]
    if "enum" in part or "const" in part:
        return part.get("enum", [part.get("const")])[0]
    if "anyOf" in part:
        return example(part["anyOf"][0])
    part = resolve(part)
    if "properties" in part:
        return {key: example(part["properties"][key]) for key in part.get("required", [])}
    if part.get("type") == "array":
        return [example(part["items"])] if "items" in part else []
    return {"boolean": True, "integer": 1, "number": 1.0, "object": {}}.get(part.get("type", ""), "...")
