"""Shards put together again: the report of the whole, as if it had been run in one place."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from harness.errors import Problem, UsageError
from harness.report.model import (
    GapReport,
    RunReport,
    SystemReport,
    Toxiproxy,
    not_run_in_words,
    verdict_of_cases,
)

__all__ = ["merge"]


def merge(runs: Sequence[RunReport]) -> RunReport:
    """One report of several shards of the same campaign.

    Counts are added up, verdicts are drawn anew from all the cases, and `seconds` is the longest of them, since shards
    run side by side. Where every shard is there, the result is no shard any more.

    Raises:
        UsageError: they are not parts of one campaign, one is there twice, or one is missing.
    """
    for name, of in _SAME.items():
        _same(name, [of(run) for run in runs])
    _check_shards([run.shard for run in runs])
    parts = [{system.name: system for system in run.systems} for run in runs]
    return replace(
        runs[0],
        systems=tuple(_merged([part[name] for part in parts]) for name in parts[0]),
        toxiproxy=_toxiproxy([run.toxiproxy for run in runs]),
        shard="",
        command=re.sub(r" --shard[ =]\S+", "", runs[0].command),
        workers=sum(run.workers for run in runs),
        seconds=max(run.seconds for run in runs),
    )


_SAME: dict[str, Callable[[RunReport], object]] = {
    "systems": lambda run: [system.name for system in run.systems],
    "graphs": lambda run: [(system.nodes, system.edges, system.boundaries) for system in run.systems],
    "core plans": lambda run: [system.core for system in run.systems],
    "baselines": lambda run: [system.baseline for system in run.systems],
    "versions of retrigger": lambda run: run.tool_version,
    "explorations": lambda run: run.explore,
    "seeds": lambda run: run.seed,
}
"""What parts of one campaign have in common."""


def _same(name: str, values: Sequence[object]) -> None:
    if any(value != values[0] for value in values):
        different = next(value for value in values if value != values[0])
        raise UsageError(
            Problem(
                what=f"these reports are not shards of one campaign: their {name} differ",
                expected=str(values[0])[:200],
                got=str(different)[:200],
                fix="run every shard with the same manifest and options, but for --shard",
            )
        )


def _check_shards(shards: Sequence[str]) -> None:
    of = max((int(shard.partition("/")[2] or 1) for shard in shards), default=1)
    wanted = [f"{number}/{of}" for number in range(1, of + 1)] if of > 1 else [""]
    counts = Counter(shards)
    if counts != Counter(wanted):
        missing = [shard for shard in wanted if not counts[shard]]
        twice = [shard or "the whole" for shard, count in counts.items() if count > 1 or shard not in wanted]
        raise UsageError(
            Problem(
                what="these reports are not one whole",
                expected=" ".join(wanted) if of > 1 else "shards, as `retrigger run MANIFEST --shard 1/2` makes them",
                got=" ".join(shard or "(no shard)" for shard in shards),
                evidence=", ".join([*(f"{each} is missing" for each in missing), *(f"{e} is too many" for e in twice)]),
            )
        )


def _toxiproxy(proxies: Sequence[Toxiproxy]) -> Toxiproxy:
    """The proxy of all; where they differ, one that says so. Real only where each one was."""
    if all(proxy == proxies[0] for proxy in proxies):
        return proxies[0]
    return Toxiproxy(
        version=_joined(proxy.version for proxy in proxies),
        origin=_joined(proxy.origin for proxy in proxies),
        real=all(proxy.real for proxy in proxies),
    )


def _joined(words: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(words))


def _merged(parts: Sequence[SystemReport]) -> SystemReport:
    cases = tuple(case for part in parts for case in part.cases)
    not_run = sum(part.not_run for part in parts)
    known_lines = {line for part in parts for line in not_run_in_words(part.not_run)}
    not_tested = dict.fromkeys(line for part in parts for line in part.not_tested if line not in known_lines)
    landed: Counter[str] = Counter()
    for part in parts:
        landed.update(part.faults_landed)
    outcomes = [(case.outcome, bool(case.faults)) for case in cases]
    verdict = verdict_of_cases(outcomes, faults_planned=any(map(_plans_faults, parts)))
    return replace(
        parts[0],
        verdict=verdict,
        plans=sum(part.plans for part in parts),
        cases=cases,
        faults_landed={family: landed[family] for part in parts for family in part.faults_landed},
        gaps=GapReport.merged(gap for part in parts for gap in part.gaps),
        not_exercised=tuple(plan for part in parts for plan in part.not_exercised),
        not_tested=(*not_run_in_words(not_run), *not_tested),
        not_run=not_run,
        seconds=max(part.seconds for part in parts),
        running_s=max(part.running_s for part in parts),
    )


def _plans_faults(part: SystemReport) -> bool:
    return part.plans > len(part.cases) or any(case.faults for case in part.cases)
