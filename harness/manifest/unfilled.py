"""Lines of a fresh manifest that are still to be filled in: values that are, or end in, three dots."""

from __future__ import annotations

from collections.abc import Iterator

from harness.errors import ManifestError, Problem
from harness.manifest.schema import example, fragment
from harness.manifest.source import KeyPath, Source, toml_value

__all__ = ["refuse_unfilled"]

DOTS = "..."
_EXAMPLES = {
    "start": '["python", "app.py"]',
    "request": '{ method = "POST", path = "/orders", json = { id = "{work}" } }',
    "effects": '[{ name = "charge", at = "POST {link:world}/charge" }]',
}


def refuse_unfilled(source: Source) -> None:
    """Refuses a file in which a value is still three dots, as `retrigger init` leaves it.

    Raises:
        ManifestError: with every such line, and an example of what to write there.
    """
    found: dict[int, KeyPath] = {}
    for at in _dotted((), source.raw):
        found.setdefault(source.line(at), at)
    if found:
        raise ManifestError(*(_problem(source, line, at) for line, at in sorted(found.items())))


def _dotted(at: KeyPath, value: object) -> Iterator[KeyPath]:
    if isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _dotted((*at, key), item)
    elif isinstance(value, str) and (value == DOTS or value.endswith("/" + DOTS)):
        yield at


def _problem(source: Source, line: int, at: KeyPath) -> Problem:
    key = next((str(step) for step in at if step in _EXAMPLES), str(at[-1]))
    proposal = _EXAMPLES.get(key) or toml_value(example(fragment(at)))
    return Problem(
        what="this line is still to be filled in",
        where=f"{source.path}:{line}  {source.label(at)}",
        expected="what your service really has",
        got=DOTS,
        fix=f"{key} = {proposal}",
    )
