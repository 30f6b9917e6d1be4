"""The systems of a table: its pattern's manifest once for each variant, changed in the one respect that it names."""

from __future__ import annotations

from dataclasses import replace

from harness.boundaries.derive import derive
from harness.boundaries.faults import read_fault
from harness.errors import HarnessError, ManifestError, Problem
from harness.manifest.graph import graph_of
from harness.manifest.model import Edge, Manifest, Node, Process
from harness.plans.aim import check_aim
from harness.plans.model import Plan
from harness.runner.system import System, open_system
from harness.truth.outcome import effect_of, observable
from harness.truth.table import FILE_NAME, Row, Table, Variant

__all__ = ["check_rows", "plan_of_row", "systems_of"]


def systems_of(table: Table) -> dict[str, System]:
    """The system of each variant, by the variant's name.

    Raises:
        ManifestError: the manifest cannot be read.
    """
    manifest = open_system(table.folder).manifest
    changed = {name: _changed(manifest, variant) for name, variant in table.variants.items()}
    return {name: System(manifest=each, derived=derive(graph_of(each))) for name, each in changed.items()}


def _changed(manifest: Manifest, variant: Variant) -> Manifest:
    return manifest.model_copy(
        update={
            "name": f"{manifest.name}-{variant.name}" if variant.name else manifest.name,
            "node": [_node(node, variant) for node in manifest.node],
            "edge": [_edge(edge, variant) for edge in manifest.edge],
            "process": [_process(process, variant) for process in manifest.process],
        }
    )


def _node(node: Node, variant: Variant) -> Node:
    kept = not variant.work or node.name in variant.keep
    return node if kept else node.model_copy(update={"work": variant.work})


def _edge(edge: Edge, variant: Variant) -> Edge:
    retried = variant.retries is not None and edge.awaits
    return edge.model_copy(update={"retries": variant.retries}) if retried else edge


def _process(process: Process, variant: Variant) -> Process:
    own = {name: value for name, value in variant.env.items() if name in process.env}
    return process.model_copy(update={"env": process.env | own})


def plan_of_row(row: Row, system: System) -> Plan:
    """The row's faults as a plan for one piece of work."""
    return Plan(system=system.name, works=1, faults=row.plan, manifest=str(system.manifest.path))


def check_rows(table: Table, systems: dict[str, System]) -> None:
    """Refuses rows that name what the system does not have, before anything is started.

    Raises:
        ManifestError: names every such row.
    """
    problems = [problem for row in table.rows for problem in _problems(table, row, systems[row.variant])]
    if problems:
        raise ManifestError(*problems)


def _problems(table: Table, row: Row, system: System) -> list[Problem]:
    where = f"{table.folder / FILE_NAME}  row {row.fault!r} {row.variant}".strip()
    try:
        check_aim(system.manifest, plan_of_row(row, system))
        for sentence in row.predict:
            read_fault(sentence, system.derived)
    except HarnessError as error:
        return [replace(problem, where=where) for problem in getattr(error, "problems", ())]
    nodes, effects = observable(system), [effect.name for effect in system.effects]
    named = {name: nodes for counts in (row.again, row.invocations) for name in counts or ()}
    named |= dict.fromkeys(row.missing, effects)
    named |= {name: effects for name in row.attempts or () if not _is_effect(name, system)}
    strange = [name for name, known in named.items() if name not in known]
    return [
        Problem(what=f"{name} cannot be counted here", where=where, expected=", ".join(named[name]), got=name)
        for name in strange
    ]


def _is_effect(name: str, system: System) -> bool:
    try:
        return bool(effect_of(name, system))
    except KeyError:
        return False
