"""What the hunts are worth: the file's form, the score, and what is lost without one property or one kind of fault."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from statistics import median
from typing import Any

from harness.checks import PROPERTIES

__all__ = ["canary_record", "control_record", "removal", "score", "twin_record"]

ENOUGH = 0.9
"""The share of replays that have to fail again."""

Record = Mapping[str, Any]


def twin_record(hunt: Record, expected: Iterable[str], flaw: str) -> dict[str, Any]:
    """What the file says of one twin.

    Args:
        hunt: what became of it. expected: the properties that the catalogue names. flaw: what is wrong with it.
    """
    witness, minimal = hunt["witness"], hunt["minimal"]
    named = [name for name in expected if witness and name in minimal["properties"]]
    return {
        "killed": witness is not None,
        "property": (named or [minimal["told_by"]])[0] if witness else None,
        "plans": hunt["plans"],
        "seconds": hunt["seconds"],
        "minimal_faults": len(minimal["faults"]) if witness else None,
        "replayed": f"{hunt['replayed']}/{hunt['replays']}" if witness else None,
        "flaw": flaw,
        "expected": list(expected),
        "as_named": bool(named),
        "exploration": hunt["exploration"],
        "by": hunt["by"],
        "cases": hunt["cases"],
        "witness": minimal,
        "other": hunt["other"],
        "error": hunt["error"],
    }


def control_record(trial: Record, about: str) -> dict[str, Any]:
    """What the file says of one control."""
    return {
        "runs": trial["runs"],
        "false_alarms": len(trial["alarms"]),
        "about": about,
        "alarms": trial["alarms"],
        "inconclusive": trial["unsure"],
        "error": trial["error"],
    }


def canary_record(found: Record) -> dict[str, Any]:
    """What the file says of one canary. found: the record of the twin."""
    return {key: found[key] for key in ("killed", "property", "plans", "error")}


def score(
    twins: Mapping[str, Record], controls: Mapping[str, Record], declarations: Mapping[str, Record]
) -> dict[str, Any]:
    """The figures that sum it up."""
    killed = [twin for twin in twins.values() if twin["killed"]]
    return {
        "killed": len(killed),
        "of": len(twins),
        "kill_rate": _share(len(killed), len(twins)),
        "as_named": sum(twin["as_named"] for twin in killed),
        "median_plans": median([twin["plans"] for twin in killed]) if killed else None,
        "replayed_9_of_10": sum(_replays(twin) for twin in killed),
        "declarations_noticed": sum(each["killed"] for each in declarations.values()),
        "declarations": len(declarations),
        "false_alarms": sum(control["false_alarms"] for control in controls.values()),
        "clean_cases": sum(control["runs"] for control in controls.values()),
    }


def _replays(twin: Record) -> bool:
    again, of = map(int, twin["replayed"].split("/"))
    return again >= ENOUGH * of


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def removal(twins: Mapping[str, Record]) -> dict[str, dict[str, list[str]]]:
    """What is lost when one property, or one kind of fault, is left out.

    A property: the smallest witness, judged again without it, is no witness any more. A kind of fault: the smallest
    witness needs it. `lost` are those for which no plan without any of its kinds of faults was found that fails; where
    nobody looked, they are only `witness` lost. Properties of the kit without which nothing is lost are named as well.
    """
    killed = {name: twin for name, twin in twins.items() if twin["killed"]}
    kinds = {name: _kinds(twin["witness"]["faults"]) for name, twin in killed.items()}
    return {
        "properties": {prop.id: [] for prop in PROPERTIES}
        | _turned({name: twin["witness"]["alone"] for name, twin in killed.items()}),
        "seen_by": _turned({name: twin["witness"]["properties"] for name, twin in killed.items()}),
        "faults": _turned(kinds),
        "faults_only": _turned({name: kinds[name] for name, twin in killed.items() if not twin["other"]}),
    }


def _kinds(faults: Iterable[str]) -> list[str]:
    words = (fault.split() for fault in faults)
    return sorted({f"{w[0]} {w[1]}" if w[1] in ("request", "reply", "twice", "up", "key") else w[0] for w in words})


def _turned(by_twin: Mapping[str, Iterable[str]]) -> dict[str, list[str]]:
    turned: dict[str, list[str]] = {}
    for name, things in by_twin.items():
        for thing in things:
            turned.setdefault(thing, []).append(name)
    return dict(sorted(turned.items()))
