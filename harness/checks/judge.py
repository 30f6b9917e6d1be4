"""Judging a history: every property of the registry, each broken fact reported once, one outcome.

Pure: the same history gives the same verdict, here, later and elsewhere.
"""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from harness.checks.evidence import Evidence
from harness.checks.human import left_alone
from harness.checks.property import Property
from harness.checks.registry import PROPERTIES
from harness.checks.verdict import CaseVerdict, PropertyVerdict, Verdict, Violation
from harness.history import History

__all__ = ["judge"]

Facts = dict[tuple[str, str, str], Violation]

_GRAVEST_FIRST = (Verdict.VIOLATED, Verdict.INCONCLUSIVE, Verdict.NOT_EXERCISED, Verdict.HOLDS)
_SAFETY = frozenset(prop.id for prop in PROPERTIES if prop.kind == "safety")


def judge(history: History, properties: tuple[Property, ...] = PROPERTIES) -> CaseVerdict:
    """The verdict on one case.

    Args:
        history: all of it; the first event declares the system.
        properties: those to judge by. Leaving one out shows what it is worth.

    Raises:
        HistoryError: the first event does not declare a system.
    """
    with _no_collection():
        return _judged(Evidence(history), properties)


@contextmanager
def _no_collection() -> Iterator[None]:
    """Without looks for garbage in cycles: there is none, and a long history is gone through at each of them."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _judged(evidence: Evidence, properties: tuple[Property, ...]) -> CaseVerdict:
    found = {prop.id: prop.check(evidence).verdict(prop.id) for prop in properties if prop.check}
    facts = _facts(found, {prop.id: prop.specific for prop in properties})
    found = {name: _as_reported(verdict, facts) for name, verdict in found.items()}
    verdicts = {prop.id: found.get(prop.id) or _derived(prop, found) for prop in properties}
    missed = evidence.faults_missed
    outcome = _outcome(verdicts, evidence.faults_landed, missed)
    dangers = {prop.id for prop in properties if prop.danger}
    violations = tuple(sorted(facts.values(), key=lambda each: (each.property in dangers, *_by_witness(each))))
    return CaseVerdict(
        outcome=outcome,
        why=_why(outcome, verdicts, violations, missed),
        verdicts=verdicts,
        violations=violations,
        faults_missed=missed,
        notes=_notes(evidence),
    )


def _facts(found: Mapping[str, PropertyVerdict], specific: Mapping[str, int]) -> Facts:
    """Each broken fact as the property tells it that saw it first, or most precisely at the same event."""
    facts: Facts = {}
    for verdict in found.values():
        for violation in verdict.violations:
            known = facts.setdefault(violation.fact, violation)
            if _precedence(violation, specific) < _precedence(known, specific):
                facts[violation.fact] = violation
    return facts


def _precedence(violation: Violation, specific: Mapping[str, int]) -> tuple[int, int]:
    return violation.witness[-1], -specific[violation.property]


def _by_witness(violation: Violation) -> tuple[int, str, str]:
    return violation.witness[-1], violation.code, violation.work


def _as_reported(verdict: PropertyVerdict, facts: Facts) -> PropertyVerdict:
    if not verdict.violations:
        return verdict
    reported = {violation.fact: facts[violation.fact] for violation in verdict.violations}
    return replace(verdict, violations=tuple(reported.values()))


def _derived(prop: Property, found: Mapping[str, PropertyVerdict]) -> PropertyVerdict:
    """The verdict of a property that others add up to."""
    parts = [found[name] for name in prop.derived_from if name in found]
    gravest = (
        _gravest(part.verdict for part in parts) if len(parts) == len(prop.derived_from) else Verdict.NOT_EXERCISED
    )
    boundaries = dict.fromkeys(sorted({name for part in parts for name in part.boundaries}))
    violations = {violation.fact: violation for part in parts for violation in part.violations}
    return PropertyVerdict(
        property=prop.id,
        verdict=gravest,
        why=next((part.why for part in parts if part.verdict is gravest), ""),
        boundaries={
            name: _gravest(part.boundaries.get(name, Verdict.NOT_EXERCISED) for part in parts) for name in boundaries
        },
        violations=tuple(violations.values()),
    )


def _gravest(verdicts: Iterable[Verdict]) -> Verdict:
    return min(verdicts, key=_GRAVEST_FIRST.index, default=Verdict.NOT_EXERCISED)


def _outcome(verdicts: Mapping[str, PropertyVerdict], landed: int, missed: tuple[str, ...]) -> Verdict:
    """A witness of a safety property is never hidden; that all is well counts only where every planned fault landed.

    Work that stays behind is a finding once one fault has landed: that the next one was never reached may be its doing.
    """
    said = {verdict.verdict for verdict in verdicts.values()}
    if any(verdict.verdict is Verdict.VIOLATED and name in _SAFETY for name, verdict in verdicts.items()):
        return Verdict.VIOLATED
    if missed and landed and Verdict.VIOLATED in said:
        return Verdict.VIOLATED
    if missed or said <= {Verdict.NOT_EXERCISED}:
        return Verdict.NOT_EXERCISED
    return next(verdict for verdict in (Verdict.VIOLATED, Verdict.INCONCLUSIVE, Verdict.HOLDS) if verdict in said)


def _why(
    outcome: Verdict,
    verdicts: Mapping[str, PropertyVerdict],
    violations: tuple[Violation, ...],
    missed: tuple[str, ...],
) -> str:
    if outcome is Verdict.VIOLATED:
        return violations[0].what
    if outcome is Verdict.NOT_EXERCISED and missed:
        return f"a planned fault was not seen to land: {missed[0]}"
    if outcome is Verdict.HOLDS:
        return ""  # what a property that holds remarks is no reason
    return next((verdict.why for verdict in verdicts.values() if verdict.verdict is outcome and verdict.why), "")


def _notes(evidence: Evidence) -> tuple[str, ...]:
    seen = {name for trail in evidence.works.values() for name in trail.applies}
    strange = sorted(seen - set(evidence.effects))
    undeclared = (f"effect {name!r} took place and is not declared: it was not judged" for name in strange)
    return (*left_alone(evidence), *undeclared)
