"""What judging yields: a verdict per property, a violation per broken fact, one outcome per case. Plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

__all__ = ["CaseVerdict", "PropertyVerdict", "Verdict", "Violation"]


class Verdict(StrEnum):
    """What may be said of a property, a boundary or a case."""

    HOLDS = "HOLDS"
    """It was put to the test, and nothing broke it."""
    VIOLATED = "VIOLATED"
    """It broke, and there is a witness."""
    INCONCLUSIVE = "INCONCLUSIVE"
    """Not decided within the budget: slow, or evidence is missing."""
    NOT_EXERCISED = "NOT EXERCISED"
    """Nothing put it to the test: no such work, or a planned fault did not land."""
    ERROR = "ERROR"
    """The harness failed. Never given by a check; here so that whoever runs cases speaks the same words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """One broken fact, told so that a stranger knows where to look.

    code: the stable code, see `harness.checks.codes`. property: the id of the most specific property that saw it.
    boundary: the trigger that owns the effect; empty where nobody does. work: the key. effect: its name, or empty.
    what: one sentence. expected, got: what was allowed and what came.
    likely: a cause that the evidence suggests; a guess, and to be shown as one.
    where_to_look: process or component. owner: who owned recovery. spread: what was invoked again.
    witness: places in `history.events`, in order, that tell the story; the last one decides.
    fact: (kind, work, place): equal for the same fact seen under two properties.
    declared: the place in the manifest that is contradicted, by names: `("edge", "orders->payments", "awaits")`.
    """

    code: str
    property: str
    boundary: str
    work: str
    effect: str
    what: str
    expected: str
    got: str
    likely: str
    where_to_look: str
    owner: str
    spread: str
    witness: tuple[int, ...]
    fact: tuple[str, str, str]
    declared: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PropertyVerdict:
    """The verdict on one property.

    property: its id. verdict: over all boundaries. why: one sentence.
    boundaries: the verdict on each boundary that was put to the test; the key is empty for nodes without an owner.
    violations: the facts that break it, each as reported, which may be under a more specific property.
    """

    property: str
    verdict: Verdict
    why: str = ""
    boundaries: Mapping[str, Verdict] = field(default_factory=dict)
    violations: tuple[Violation, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseVerdict:
    """The verdict on a case.

    outcome: violated by a witnessed safety property, or by any where a fault landed; else not exercised where a planned
        fault did not land; else violated, inconclusive, not exercised, holds, the first of these that applies.
    why: one sentence. verdicts: by property id, in the order of the catalogue.
    violations: each broken fact once, the earliest first. Where no fault landed, the ones that need time to pass
        stand here although the outcome is NOT EXERCISED.
    faults_missed: planned faults that were never seen to land. notes: what was seen and not judged.
    """

    outcome: Verdict
    why: str
    verdicts: Mapping[str, PropertyVerdict]
    violations: tuple[Violation, ...] = ()
    faults_missed: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """This verdict as plain JSON."""
        return {
            "outcome": self.outcome.value,
            "why": self.why,
            "properties": {
                name: {
                    "verdict": verdict.verdict.value,
                    "why": verdict.why,
                    "boundaries": {boundary: each.value for boundary, each in verdict.boundaries.items()},
                    "codes": sorted({violation.code for violation in verdict.violations}),
                }
                for name, verdict in self.verdicts.items()
            },
            "violations": [asdict(violation) for violation in self.violations],
            "faults_missed": list(self.faults_missed),
            "notes": list(self.notes),
        }
