"""The schema for editors and the reference page: complete, and never behind the model."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, TypeAdapter

from harness.manifest import model
from harness.manifest.reference import reference_text
from harness.manifest.schema import example, fragment, in_words, manifest_schema, schema_text

MODELS = [getattr(model, name) for name in model.__all__]
PAGE = Path(__file__).parents[2] / "docs" / "manifest.md"


def tables() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every table of the schema by name."""
    schema = manifest_schema()
    yield "Manifest", schema
    yield from schema["$defs"].items()


def test_every_table_and_key_is_described() -> None:
    """An editor has something to say about each of them."""
    for name, table in tables():
        assert table["description"], name
        for key, part in table["properties"].items():
            assert part.get("description"), f"{name}.{key}"


def test_schema_knows_the_same_keys_as_the_model() -> None:
    """Each key as it is written in the file; no null, no key that only the reader sets, no unknown keys."""
    for name, table in tables():
        fields = getattr(model, name).model_fields
        keys = {field.alias or key for key, field in fields.items()} - ({"path"} if name == "Manifest" else set())
        assert table["properties"].keys() == keys
        assert table["additionalProperties"] is False
    assert '"null"' not in schema_text()
    assert json.loads(schema_text()) == manifest_schema()


@pytest.mark.parametrize("table", MODELS, ids=lambda table: table.__name__)
def test_every_example_and_default_fits(table: type[BaseModel]) -> None:
    """What an error offers where a key is missing is accepted there."""
    for key, field in table.model_fields.items():
        for value in field.examples or []:
            TypeAdapter(field.rebuild_annotation()).validate_python(value)
        if not field.is_required():
            assert key


def test_required_keys_alone_make_a_valid_table() -> None:
    """The example of each table is accepted by its model."""
    for name, table in tables():
        if name != "Manifest":
            getattr(model, name).model_validate(example({"$ref": f"#/$defs/{name}"}))
            assert table["required"]


def test_expectations_are_said_in_plain_words() -> None:
    """What a reader of an error sees instead of a type."""
    assert in_words(fragment(("submit", "timeout_s")), "seconds") == "a number of seconds above 0"
    assert in_words(fragment(("edge", 0, "trigger", "attempts"))) == 'a whole number above 0, or "unlimited"'
    assert in_words(fragment(("edge", 0, "retries"))) == "a whole number, 0 or more"
    assert in_words(fragment(("submit", "accepted"))) == "a list: [...], each a whole number from 100 to 599"
    assert in_words(fragment(("process", 0, "env"))) == "a table { NAME = VALUE }, each value a text in quotes"
    assert in_words(fragment(("spec",))) == "1"


def test_reference_page_is_what_the_model_says() -> None:
    """`python -m harness.manifest.reference > docs/manifest.md` was run after the last change."""
    assert PAGE.read_text(encoding="utf-8") == reference_text()
