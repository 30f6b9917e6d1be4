"""Hypothesis strategies: whole plans as data. All chance is in the drawing; running a plan uses none."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from harness.manifest.model import Manifest
from harness.plans.gaps import faults_at, gaps, human_faults
from harness.plans.model import Fault, Plan

__all__ = ["plans"]

MOST_FAULTS = 3


def plans(manifest: Manifest, path: str) -> st.SearchStrategy[Plan]:
    """Plans of one to three faults on one to three works; a point may be hit at its first or its second arrival.

    They shrink towards fewer faults, fewer works, and first arrivals.
    """
    known = list(dict.fromkeys(fault for gap in gaps(manifest) for fault in faults_at(manifest, gap)))
    known += human_faults(manifest)

    @st.composite
    def draw_plan(draw: st.DrawFn) -> Plan:
        works = draw(st.integers(1, 3))
        faults = draw(st.lists(_fault(known, works), min_size=1, max_size=MOST_FAULTS, unique_by=_place))
        return Plan(system=manifest.name, works=works, faults=tuple(faults), manifest=path)

    return draw_plan()


def _fault(known: list[Fault], works: int) -> st.SearchStrategy[Fault]:
    def aimed(fault: Fault, work: int, n: int) -> Fault:
        return replace(fault, point=replace(fault.point, work=f"w{work}", n=n))

    return st.builds(aimed, st.sampled_from(known), st.integers(1, works), st.sampled_from((1, 1, 1, 2)))


def _place(fault: Fault) -> tuple[object, ...]:
    """Two faults on one target at one point cannot both be told to have struck."""
    return (fault.point, fault.target)
