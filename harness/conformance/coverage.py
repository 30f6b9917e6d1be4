"""Which gaps were hit by which faults, and why the others were not: what a campaign looked at, and what it left out.

A gap is a point of the manifest where the harness can stop the system, whichever piece of work is there and however
often it has been there before. Only faults that proved that they landed count.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from harness.conformance.campaign import Campaign, Chunk
from harness.manifest.model import Manifest
from harness.plans.gaps import gaps, killable
from harness.plans.model import Fault, Point, parse_fault
from harness.report.model import CaseReport, GapReport
from harness.runner.system import System

__all__ = ["coverage"]


def coverage(
    campaign: Campaign, system: System, planned: Sequence[Chunk], cases: Sequence[CaseReport]
) -> tuple[GapReport, ...]:
    """Every gap of a system, in the order in which work passes them, then those that only a plan has named.

    Args:
        campaign: what was asked for. system: of which. planned: its chunks. cases: those that were run.
    """
    hits: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for fault in _faults(words for case in cases for words in case.landed):
        hits[_gap(fault.point)][fault.action] += 1
    whys = _Whys(campaign, system, planned, cases)
    known = dict.fromkeys([*_points(system.manifest), *hits, *whys.tried])
    return tuple(
        GapReport(gap=gap, hits=dict(hits[gap].most_common()), why="" if hits[gap] else whys.of(gap)) for gap in known
    )


def _points(manifest: Manifest) -> list[str]:
    processes = [process.name for process in killable(manifest)]
    ready = [Point(name="ready", where=name) for name in processes]
    beside = [*ready, Point(name="quiet")] if processes else []
    return [_gap(point) for point in (*(gap.point for gap in gaps(manifest)), *beside)]


def _gap(point: Point) -> str:
    """`@recv charge`: the point of any work, at any time."""
    return str(replace(point, work="", n=1)).strip()


def _faults(words: Iterable[str]) -> list[Fault]:
    return [parse_fault(each) for each in words]


class _Whys:
    """Why a gap was not hit.

    tried: by gap, what became of the cases that were run with a fault there.
    """

    def __init__(
        self, campaign: Campaign, system: System, planned: Sequence[Chunk], cases: Sequence[CaseReport]
    ) -> None:
        self.campaign = campaign
        self.tried: defaultdict[str, list[str]] = defaultdict(list)
        for case in cases:
            for gap in {_gap(fault.point) for fault in _faults(case.faults)}:
                self.tried[gap].append(case.error)
        self._planned = {_gap(fault.point) for chunk in planned if chunk.plan for fault in chunk.plan.faults}
        self._drawn = sum(chunk.examples for chunk in planned)
        asked = [] if self._drawn else campaign.plans(system)
        self._enumerated = {_gap(fault.point) for plan in asked for fault in plan.faults}

    def of(self, gap: str) -> str:
        """In words."""
        if reasons := self.tried.get(gap):
            return f"planned in {len(reasons)} case{'s' * (len(reasons) > 1)} and never reached"
        if gap in self._planned:
            return (
                "planned, and not run before the budget was spent" if self.campaign.budget_s else "planned, and not run"
            )
        if self._drawn:
            return f"not drawn in {self._drawn} random plans"
        if gap in self._enumerated:
            return self._left_out
        return "not among the faults of --plan" if self.campaign.faults else f"not in --explore {self.campaign.explore}"

    @property
    def _left_out(self) -> str:
        if self.campaign.only:
            return "left out by --only"
        return f"left to another part than --shard {self.campaign.shard_in_words}"
