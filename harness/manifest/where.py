"""From a place in a manifest, told by names, to its line: what a finding points at."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from harness.manifest.source import KeyPath, Source

__all__ = ["declared_at"]


def declared_at(path: Path, place: tuple[str, ...]) -> str:
    """The line of a manifest where something is declared, as `retrigger.toml:57  awaits = true`.

    Where the key is not written down, the line of the table that it would stand in, and that it is not there.

    Args:
        path: of the manifest. place: as `harness.checks.declaration` tells it.

    Returns:
        Nothing where the manifest cannot be read any more, or does not have that place.
    """
    try:
        text = path.read_text(encoding="utf-8")
        source = Source(path=path, text=text, raw=tomllib.loads(text))
    except (OSError, ValueError):
        return ""
    key = _key(source.raw, place)
    if not key:
        return ""
    line = source.line(key)
    written = source.text.splitlines()[line - 1].partition(" #")[0].strip()
    missing = "" if key in source.places else f"   (no {place[-1]})"
    return f"{path.name}:{line}  {written}{missing}"


def _key(raw: dict[str, Any], place: tuple[str, ...]) -> KeyPath:
    """The same place as keys and positions; empty where there is no such item."""
    match place:
        case ("node" | "process" as table, name, *rest):
            found = [i for i, item in enumerate(raw.get(table, ())) if item.get("name") == name]
            return (table, found[0], *rest) if found else ()
        case ("edge", name, *rest):
            found = [i for i, edge in enumerate(raw.get("edge", ())) if f"{edge.get('from')}->{edge.get('to')}" == name]
            return ("edge", found[0], *rest) if found else ()
        case ("effect", name, *rest):
            return next(
                (
                    ("node", i, "effects", j, *rest)
                    for i, node in enumerate(raw.get("node", ()))
                    for j, effect in enumerate(node.get("effects", ()))
                    if effect.get("name") == name
                ),
                (),
            )
        case _:
            return place if place and place[0] in raw else ()
