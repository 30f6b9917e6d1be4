"""From what others computed to what a report shows: verdicts become findings, derived boundaries become a drawn graph.

This is the only file of the reports that knows the types of `harness.checks` and `harness.boundaries` from inside, so
that the reports themselves can be made again from a file of plain data, without either.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from harness.boundaries.derive import Boundaries
from harness.boundaries.graph import Effect
from harness.boundaries.lints import Lint
from harness.boundaries.triggers import Trigger
from harness.checks import CATALOGUE, CaseVerdict, Expectation, Violation, narrate, rests_on
from harness.history import History, Kind
from harness.manifest.where import declared_at
from harness.report.model import Boundary, Finding, GraphEdge, GraphNode, WitnessStep

__all__ = ["boundaries_of", "edges_of", "finding_of", "findings_of", "lints_of", "nodes_of"]


def findings_of(history: History, verdict: CaseVerdict, manifest: Path | None = None) -> tuple[Finding, ...]:
    """The findings of a judged case, in the order of its violations, each with its witness told.

    Args:
        history: of the case. verdict: on it. manifest: the file whose lines the findings name; None: no lines.

    Raises:
        HistoryError: the history does not declare its system.
    """
    return tuple(finding_of(history, violation, manifest) for violation in verdict.violations)


def finding_of(history: History, violation: Violation, manifest: Path | None = None) -> Finding:
    """One violation, told."""
    lines = [re.sub(r"^\s*\d+  ", "", line) for line in narrate(history, violation)]
    code = CATALOGUE.get(violation.code)
    return Finding(
        code=violation.code,
        title=code.title if code else "violation",
        property=violation.property,
        boundary=_boundary_words(history, violation.boundary),
        work=violation.work,
        summary=f"{violation.what}; allowed: {violation.expected}; seen: {violation.got}",
        witness=tuple(
            WitnessStep(text=line, events=(place,)) for line, place in zip(lines, violation.witness, strict=True)
        ),
        likely=violation.likely,
        where_to_look=violation.where_to_look,
        declared=_declared(history, violation, manifest) if manifest else "",
        owner=violation.owner,
        spread=violation.spread,
        fate=code.fate if code else "",
    )


def _declared(history: History, violation: Violation, manifest: Path) -> str:
    """The line of the manifest that the violation rests on."""
    expectation = next(Expectation.from_json(event.data) for event in history.of(Kind.SYSTEM))
    place = rests_on(expectation, violation)
    return declared_at(manifest, place) if place else ""


def _boundary_words(history: History, name: str) -> str:
    """`"payments" (callee: worker)`, as far as the history declares it."""
    if not name:
        return "none (nobody owns this work)"
    declared = next((Expectation.from_json(event.data) for event in history.of(Kind.SYSTEM)), None)
    known = next((b for b in declared.boundaries if b.name == name), None) if declared else None
    if known is None:
        return f'"{name}"'
    holder = ": ".join(part for part in (known.placement, known.process) if part)
    return f'"{known.target or name}"' + (f" ({holder})" if holder else "")


def nodes_of(graph: Boundaries) -> tuple[GraphNode, ...]:
    """A node to draw for each instance of the unfolded graph."""
    return tuple(
        GraphNode(
            name=name,
            process=instance.node.process,
            effects=tuple(step.name for step in instance.steps if isinstance(step, Effect)),
        )
        for name, instance in graph.instances.items()
    )


def edges_of(graph: Boundaries) -> tuple[GraphEdge, ...]:
    """An arrow to draw for each call between two instances. A trigger that is not effective is none."""
    return tuple(
        GraphEdge(
            source=call.src,
            target=call.dst,
            awaits=call.awaits,
            trigger=_trigger_words(call.trigger) if call.trigger and call.triggered else "",
        )
        for call in graph.calls
        if call.src
    )


def boundaries_of(graph: Boundaries) -> tuple[Boundary, ...]:
    """The boundaries, each with its trigger in words."""
    words = {boundary.name: _trigger_words(boundary.trigger) for boundary in graph.boundaries}
    return tuple(
        Boundary(
            trigger=words[boundary.name],
            target=boundary.target,
            nodes=boundary.nodes,
            layer=boundary.layer,
            frontier=boundary.frontier,
            nested_in=words.get(boundary.nested_in) if boundary.nested_in else None,
        )
        for boundary in graph.boundaries
    )


def lints_of(lints: Iterable[Lint]) -> tuple[str, ...]:
    """The lints, each on one line."""
    return tuple(f"{lint.code} {lint.where}: {lint.what}" for lint in lints)


def _trigger_words(trigger: Trigger) -> str:
    """`callee inbox`, `caller queue`; only the kind where the placement says no more than it does."""
    if trigger.placement in ("root", trigger.kind):
        return trigger.kind
    return f"{trigger.placement} {trigger.kind}"
