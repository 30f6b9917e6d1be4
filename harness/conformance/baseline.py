"""Known failures: `retrigger-baseline.toml`, one entry per property and plan family, each with a reason.

A known failure does not fail a run or a test; it is still reported as what it is. An entry that nothing fails any more
is stale, and does fail: a list of excuses must not outlive what it excuses.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harness.checks import PROPERTIES
from harness.errors import ManifestError, Problem
from harness.plans.gaps import plan_of, single
from harness.report.families import cells_of
from harness.report.model import KnownFailure, SystemReport, Verdict
from harness.runner.system import System

__all__ = ["FILE_NAME", "Entry", "draft", "families_of", "known_failures", "read_baseline", "written"]

FILE_NAME = "retrigger-baseline.toml"
KEYS = ("system", "property", "family", "reason")
HEAD = """\
# Known failures of the conformance suite: one entry per property and family of plans, each with a reason.
# Checked by `retrigger run MANIFEST --baseline {name}`; an entry that nothing fails any more is an error.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One known failure. system: the name in its manifest. family: as reports print it, `kill @recv`."""

    system: str
    property: str
    family: str
    reason: str


def read_baseline(path: Path) -> tuple[Entry, ...]:
    """Reads a baseline.

    Raises:
        ManifestError: it cannot be read; every entry that is wrong is named, with what to write instead.
    """
    if path.is_dir():
        path /= FILE_NAME
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        fix = "retrigger baseline update MANIFEST   writes a first draft"
        what = "the baseline cannot be read"
        raise ManifestError(Problem(what=what, where=str(path), got=str(error), fix=fix)) from None
    known = document.pop("known", [])
    wrong = [_unknown_key(path, key) for key in document]
    entries = known if isinstance(known, list) else []
    wrong += [problem for place, entry in enumerate(entries, 1) for problem in _problems(path, place, entry)]
    if wrong:
        raise ManifestError(*wrong)
    return tuple(Entry(**entry) for entry in entries)


def _unknown_key(path: Path, key: str) -> Problem:
    return Problem(what=f"unknown key {key!r} in a baseline", where=str(path), expected="[[known]]", got=key)


def _problems(path: Path, place: int, entry: Mapping[str, Any]) -> Iterable[Problem]:
    where = f"{path}  known[{place}]"
    for key in KEYS:
        if not isinstance(entry.get(key), str) or not entry[key].strip():
            what = f"known failure {place} does not say its {key}"
            yield Problem(what=what, where=where, expected="a text in quotes", fix=f'{key} = "{_EXAMPLE[key]}"')
    for key in entry.keys() - set(KEYS):
        yield Problem(what=f"unknown key {key!r}", where=where, expected=", ".join(KEYS), fix="delete this line")
    ids = [known.id for known in PROPERTIES]
    if entry.get("property") and entry["property"] not in ids:
        what = f"there is no property {entry['property']!r}"
        yield Problem(what=what, where=where, expected=", ".join(ids), fix="retrigger list properties")


_EXAMPLE = {
    "system": "acme-orders",
    "property": "P2",
    "family": "kill @applied",
    "reason": "the charge carries no key until release 7",
}


def known_failures(entries: Iterable[Entry], system: System, works: int) -> tuple[KnownFailure, ...]:
    """The entries of one system, each with all the plans of its family.

    Raises:
        ManifestError: an entry names a family that this system has no plans of, so that it can never be checked.
    """
    plans = families_of(system, works)
    found, wrong = [], []
    for entry in entries:
        if entry.system != system.name:
            continue
        if entry.family not in plans and not _several(entry.family):
            wrong.append(
                Problem(
                    what=f"{system.name} has no plans of the family {entry.family!r}",
                    where=f"known failure {entry.property}",
                    expected=", ".join(plans),
                    fix=f"retrigger baseline update {system.manifest.path}",
                )
            )
        ids = plans.get(entry.family, ())
        found.append(KnownFailure(property=entry.property, family=entry.family, reason=entry.reason, plans=ids))
    if wrong:
        raise ManifestError(*wrong)
    return tuple(found)


def _several(family: str) -> bool:
    """Families of several faults at once come from random plans, and cannot be enumerated."""
    return " and " in family


def families_of(system: System, works: int) -> dict[str, tuple[str, ...]]:
    """Every family that can be enumerated, with the ids of its plans."""
    found: dict[str, tuple[str, ...]] = {}
    for plan in (plan_of(system.manifest), *single(system.manifest)):
        sized = replace(plan, works=works)
        found[sized.family] = (*found.get(sized.family, ()), sized.id)
    return found


def draft(system: SystemReport, entries: Iterable[Entry]) -> list[Entry]:
    """The baseline that a run suggests: what fails now, with the reasons that are known already.

    Entries that this run does not decide stay; entries that nothing fails any more go.
    """
    known = {(entry.family, entry.property): entry for entry in entries if entry.system == system.name}
    stale = {(entry.family, entry.property) for entry in system.stale}
    failing = {(c.family, c.property_id): c for c in cells_of(system) if c.verdict is Verdict.VIOLATED}
    kept = [entry for key, entry in known.items() if key in failing or key not in stale]
    for (family, name), cell in failing.items():
        if (family, name) not in known:
            case = cell.deciding[0]
            code = f"{case.findings[0].code} {case.findings[0].title}" if case.findings else "violated"
            reason = f"draft, nobody has looked into it yet: {code}, plan {case.told_plan}"
            kept.append(Entry(system=system.name, property=name, family=family, reason=reason))
    return kept


def written(entries: Iterable[Entry], name: str = FILE_NAME) -> str:
    """The text of a baseline."""
    blocks = [
        "\n[[known]]\n" + "".join(f"{key} = {json.dumps(getattr(entry, key), ensure_ascii=False)}\n" for key in KEYS)
        for entry in entries
    ]
    return HEAD.format(name=name) + ("".join(blocks) or "\n# Nothing fails.\n")
