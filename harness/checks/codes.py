"""The stable codes of violations, gathered from the properties that carry them; `retrigger explain` reads them here."""

from __future__ import annotations

from difflib import get_close_matches

from harness.checks.property import Code
from harness.checks.registry import PROPERTIES
from harness.errors import Problem, UsageError

__all__ = ["CATALOGUE", "FAMILIES", "Code", "explain", "properties_of"]

FAMILIES = {
    "RT1": "effects: what took place outside, too often, never, or wrongly",
    "RT2": "triggers and boundaries: who was responsible, and did not act or did not stop",
    "RT3": "containment: what was touched that should not have been",
    "RT4": "engine: steps, journals, leases",
    "RT5": "declaration: what the manifest says, and the system does not do",
}
"""What the first digit of a code says. The last two families are kept for properties that are still to come."""

CATALOGUE: dict[str, Code] = {
    code.code: code for code in sorted((code for prop in PROPERTIES for code in prop.codes), key=lambda c: c.code)
}
"""Every code, in order."""


def properties_of(code: str) -> tuple[str, ...]:
    """The ids of the properties whose violations carry this code."""
    return tuple(prop.id for prop in PROPERTIES if code in {each.code for each in prop.codes})


def explain(code: str) -> str:
    """The page on a code as plain text.

    Raises:
        UsageError: there is no such code; names the nearest ones.
    """
    entry = CATALOGUE.get(code.strip().upper())
    if entry is None:
        raise UsageError(_unknown(code))
    sections = [
        ("usual causes", entry.causes),
        ("how to fix it", entry.fixes),
        ("faults that show it", entry.exposed_by),
    ]
    lines = [f"{entry.code} {entry.title}   ({', '.join(properties_of(entry.code))})", "", entry.means]
    for title, points in sections:
        lines += ["", title, *(f"  * {point}" for point in points)]
    return "\n".join(lines)


def _unknown(code: str) -> Problem:
    near = get_close_matches(code.strip().upper(), CATALOGUE, n=3, cutoff=0.6) or list(CATALOGUE)
    return Problem(what=f"there is no code {code!r}", expected=", ".join(CATALOGUE), fix=f"retrigger explain {near[0]}")
