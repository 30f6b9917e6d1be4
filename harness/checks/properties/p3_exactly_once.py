"""P3: within each boundary, every effect of every accepted work is applied exactly once when everything is quiet.

It is P1b and P2 together, so it follows from their verdicts, boundary by boundary, and never reports a fact of its own.
"""

from __future__ import annotations

from harness.checks.property import Property

__all__ = ["PROPERTY"]

PROPERTY = Property(
    id="P3",
    name="exactly once per boundary",
    statement="P2, and at quiescence every effect of every accepted work is applied once",
    kind="quiescence",
    derived_from=("P1b", "P2"),
)
