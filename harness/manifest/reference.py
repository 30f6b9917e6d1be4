"""`docs/manifest.md`, written from the model: every table and key, the placeholders, the rules of the whole.

`python -m harness.manifest.reference > docs/manifest.md` writes it; a test compares the two.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from pydantic import BaseModel

from harness.manifest.graph_rules import ALWAYS, Rule
from harness.manifest.model import (
    Edge,
    Effect,
    EngineSource,
    Manifest,
    NatsSource,
    Node,
    Pending,
    Process,
    Publish,
    RedisSource,
    Request,
    Resource,
    SqlSource,
    Submit,
    Trigger,
    Workflow,
)
from harness.manifest.placeholders import MEANING, WHERE
from harness.manifest.run_rules import TO_RUN
from harness.manifest.schema import in_words, manifest_schema
from harness.manifest.source import toml_value

__all__ = ["reference_text"]

_TABLES: tuple[tuple[str, str, type[BaseModel]], ...] = (
    ("The file", "at the top, before the first table", Manifest),
    ("[submit]", "once", Submit),
    ("request", "in `[submit]`", Request),
    ("publish", "in `[submit]`", Publish),
    ("[[process]]", "one for each thing that can be killed", Process),
    ("[[node]]", "one for each handler", Node),
    ("effects", "a list in `[[node]]`", Effect),
    ("[[edge]]", "one for each arrow of the graph", Edge),
    ("trigger", "in `[[edge]]` and `[submit]`", Trigger),
    ("[[workflow]]", "one for each business process", Workflow),
    ("[[pending]]", "one for each reader", Pending),
    ("sql", "in `effects` and `[[pending]]`", SqlSource),
    ("nats", "in `effects` and `[[pending]]`", NatsSource),
    ("redis", "in `effects` and `[[pending]]`", RedisSource),
    ("engine", "in `[[pending]]`", EngineSource),
    ("[[resource]]", "one for each broker, database or engine", Resource),
)

_INTRODUCTION = """\
# The manifest, key by key

One file, `retrigger.toml`, says what a system under test promises. This page is written from the types that check it:
`python -m harness.manifest.reference > docs/manifest.md`. Editors that know TOML schemas complete and check the file
while you write, with the output of `retrigger schema` in a file and this line at the top of the manifest. Whole ones,
with comments, are in `patterns/`.

```toml
#:schema ./retrigger.schema.json
```

A key that is not listed here is an error. An error names the file, the line and the key, what was expected, what came,
and the line to write; all errors of a file are shown at once. Names, times and status codes are checked when the file
is read; whether the system does what it declares is what a run finds out.
"""

_READERS = {
    "process": "`start`, `env`, `cwd` of a process",
    "resource": "`start`, `env`, `options` of a resource",
    "submit": "`request` and `publish`",
    "at": "`at` of an effect",
    "reader": "`sql`, `http`, `command`, `nats`, `redis` of an effect, `[[pending]]`",
}


def reference_text() -> str:
    """The whole page."""
    definitions = manifest_schema()
    tables = (_table(*table, definitions) for table in _TABLES)
    return "\n".join([_INTRODUCTION, *tables, _placeholders(), _rules()])


def _table(heading: str, place: str, model: type[BaseModel], schema: dict[str, Any]) -> str:
    part = schema if model is Manifest else schema["$defs"][model.__name__]
    rows = [_row(key, value, key in part.get("required", ())) for key, value in part["properties"].items()]
    return "\n".join(
        [
            f"## {heading}",
            "",
            f"*{place[0].upper()}{place[1:]}.* {_flowing(part['description'])}",
            "",
            *_HEAD,
            *rows,
            "",
        ]
    )


_HEAD = ("| key | value | default | meaning |", "|---|---|---|---|")


def _row(key: str, part: dict[str, Any], required: bool) -> str:
    unit = "seconds" if key.endswith("_s") else ""
    default = f"`{toml_value(part['default'])}`" if "default" in part else "**required**" if required else ""
    shown = "examples" in part and not {"enum", "const"} & part.keys() and part.get("type") != "boolean"
    example = f", as in `{toml_value(part['examples'][0])}`" if shown else ""
    cells = (f"`{key}`", _cell(in_words(part, unit) + example), _cell(default), _cell(part.get("description", "")))
    return "| " + " | ".join(cells) + " |"


def _cell(text: str) -> str:
    return _flowing(text).replace("|", "\\|")


def _flowing(text: str) -> str:
    return re.sub(r"\s*\n\s*", " ", text.strip())


def _placeholders() -> str:
    rows = [f"| `{{{key}}}` | {meaning} | {_places(key)} |" for key, meaning in MEANING.items()]
    return "\n".join(
        [
            "## Placeholders",
            "",
            "Words in braces that the harness replaces. Any other braces are left as they are.",
            "",
            "| placeholder | stands for | where |",
            "|---|---|---|",
            *rows,
            "",
        ]
    )


def _places(key: str) -> str:
    kind = key.partition(":")[0] + (":" if ":" in key else "")
    return "; ".join(
        words for where, words in _READERS.items() if kind in WHERE[where] and (where != "at" or key == "link:world")
    )


def _rules() -> str:
    return "\n".join(
        [
            "## What the whole has to keep",
            "",
            "Every manifest, also one that is only drawn (`retrigger boundaries`):",
            "",
            *_sentences(ALWAYS),
            "",
            "A manifest that is run, besides:",
            "",
            *_sentences(TO_RUN),
            "",
        ]
    )


def _sentences(rules: Iterable[Rule]) -> Iterator[str]:
    yield from (f"* {_flowing(rule.__doc__ or '')}" for rule in rules)


if __name__ == "__main__":
    print(reference_text(), end="")
