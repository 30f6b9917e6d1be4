"""The report for a pull request: Markdown, short where all is well, with each kind of violation told in full."""

from __future__ import annotations

import re
from collections.abc import Iterator

from harness.checks.verdict import Verdict
from harness.report.families import Cell, cells_of, families, told
from harness.report.model import CaseReport, RunReport, SystemReport

__all__ = ["markdown_text"]

SIGNS = {
    Verdict.HOLDS: "ok",
    Verdict.VIOLATED: "**VIOLATED**",
    Verdict.INCONCLUSIVE: "inconclusive",
    Verdict.NOT_EXERCISED: "-",
    Verdict.ERROR: "**ERROR**",
}
MAX_TOLD = 5


def markdown_text(run: RunReport) -> str:
    """The document, ending with a newline."""
    return "\n".join(_lines(run)) + "\n"


def _lines(run: RunReport) -> Iterator[str]:
    names = ", ".join(system.name for system in run.systems)
    yield f"# {run.verdict.value}: {plain(names)}"
    yield ""
    proxy = f"toxiproxy {run.toxiproxy.version} ({run.toxiproxy.origin})"
    facts = [f"retrigger {run.tool_version}", f"explore {run.explore}", f"seed {run.seed}", proxy]
    facts += [f"shard {run.shard}"] if run.shard else []
    yield plain(", ".join([*facts, f"{run.seconds:.0f} s", f"exit {run.exit_code}"]))
    if not run.toxiproxy.real:
        yield "\n**Not a real Toxiproxy:** the built-in stand-in carried the network faults of this run."
    for system in run.systems:
        yield from _system(system)


def _system(system: SystemReport) -> Iterator[str]:
    yield f"\n## {plain(system.name)}: {system.verdict.value}\n"
    if system.about:
        yield plain(system.about) + "\n"
    yield from _map(system)
    yield from _table(system)
    for case in _one_of_each_kind(system):
        yield f"\n```text\n{_fenced(told(case))}\n```"
    rest = len(system.violated()) - len(_one_of_each_kind(system))
    if rest > 0:
        yield f"\nand {rest} more violated plan{'' if rest == 1 else 's'}: see the HTML report."
    for entry in system.baseline:
        state = entry.state(system.cases)
        yield f"\n- known: {entry.property} under {plain(entry.family)}, **{state}**: {plain(entry.reason)}"
    yield ""
    landed = [f"{family} {n}{'' if n else ' (!)'}" for family, n in system.faults_landed.items()]
    yield f"- faults landed: {plain(', '.join(landed)) or 'none (!)'}"
    missed = [f"{gap.gap} ({gap.why})" for gap in system.gaps if gap.why]
    hit = f"{len(system.gaps) - len(missed)} of {len(system.gaps)}"
    yield f"- gaps hit: {plain('; '.join([hit, *missed]))}"
    yield from _level(system)
    for plan in system.not_exercised:
        yield f"- not exercised: {plain(plan.plan)} ({plain(', '.join(plan.faults))}): {plain(plan.why)}"
    yield f"- not tested: {plain(', '.join(system.not_tested))}"


def _level(system: SystemReport) -> Iterator[str]:
    if system.level:
        yield f"- level reached: {system.level}, claimed: {' '.join(system.claimed)}"
    if system.silent:
        yield f"- claimed and not put to the test: {' '.join(system.silent)}"
    for line in system.not_claimed:
        yield f"- not claimed: {plain(line)}"


def _map(system: SystemReport) -> Iterator[str]:
    """The graph as Mermaid text, which GitHub and GitLab draw: thick arrows carry a trigger."""
    if not system.edges:
        return
    numbers = {node.name: f"n{place}" for place, node in enumerate(system.nodes)}
    yield "```mermaid\nflowchart LR"
    for node in system.nodes:
        yield f'  {numbers[node.name]}["{_label(node.name)}"]'
    for edge in system.edges:
        arrow = "-->" if edge.awaits else "-.->"
        label = f'|"{_label(edge.trigger)}"|' if edge.trigger else ""
        yield f"  {numbers[edge.source]} {'==>' if edge.trigger else arrow}{label} {numbers[edge.target]}"
    yield "```\n"


def _table(system: SystemReport) -> Iterator[str]:
    cells = cells_of(system)
    names = list(dict.fromkeys(cell.property_id for cell in cells))
    if not names:
        return
    yield f"| plans | cases | {' | '.join(names)} |"
    yield f"|---|---:|{'---|' * len(names)}"
    rows = families(system.cases)
    by_place = {(cell.family, cell.property_id): cell for cell in cells}
    for family, cases in rows.items():
        signs = [_sign(by_place.get((family, name))) for name in names]
        yield f"| {plain(family)} | {len(cases)} | {' | '.join(signs)} |"


def _sign(cell: Cell | None) -> str:
    if cell is None:
        return "-"
    return "known" if cell.known and cell.verdict is Verdict.VIOLATED else SIGNS[cell.verdict]


def _one_of_each_kind(system: SystemReport) -> list[CaseReport]:
    violated = system.violated()
    kinds = {(case.findings[0].code, case.findings[0].boundary): case for case in reversed(violated)}
    return [case for case in violated if case in kinds.values()][:MAX_TOLD]


def plain(text: str) -> str:
    """Text that Markdown shows as it is: no markup, no HTML, no mention of a person, on one line."""
    return re.sub(r"([\\`*_{}\[\]<>#|@!])", r"\\\1", " ".join(text.split()))


def _label(text: str) -> str:
    return re.sub(r'["<>`\n]', "'", text)


def _fenced(text: str) -> str:
    return text.replace("```", "'''")
