"""Where the time of a case goes: its history cut into phases that follow each other, and the processor time it took."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from harness.checks import judge
from harness.conformance.campaign import Campaign
from harness.history import Event, History, Kind
from harness.network import Server
from harness.plans.model import Plan
from harness.runner.stage import Judged, Stage
from harness.runner.system import open_system
from harness.runner.workshop import Workshop

__all__ = ["PHASES", "Split", "measure_cases", "split_of", "summary"]

PHASES = ("start", "submit", "reach", "kill", "recover", "drain", "replay", "end", "judge")
OVER = (Kind.QUIET, Kind.DEADLINE)
DRIVEN = (Kind.DELIVER, Kind.ATTEMPT, Kind.APPLY, Kind.ANSWERED, Kind.ANSWER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """One case. total_s: all of it, judging included. phase_s: seconds by phase; phases that it had not are absent."""

    total_s: float
    phase_s: dict[str, float]


def split_of(history: History) -> dict[str, float]:
    """The seconds of each phase up to the end of the replay, or of the wait where the system never became quiet.

    A phase begins where the one before it ended, at the latest: what happens earlier belongs to the earlier one.
    """
    events = history.events
    cut = next((index for index, event in enumerate(events) if event.kind in OVER), len(events) - 1)
    marks = dict(_marks(events[: cut + 1]))
    if any(event.where == "replay" for event in history.of(Kind.PHASE)):
        marks["replay"] = next(event.at_s for event in history.of(Kind.PHASE) if event.where == "end")
    phase_s, reached_s = {}, 0.0
    for name, at_s in marks.items():
        phase_s[name] = max(0.0, at_s - reached_s)
        reached_s = max(reached_s, at_s)
    return phase_s


def _marks(events: Sequence[Event]) -> Iterator[tuple[str, float]]:
    """Where each phase ends, as far as the case came."""
    loads = _first(events, Kind.PHASE, "load")
    yield "start", (loads or events[-1]).at_s
    if loads is None:
        return
    arrived = next((event for event in events if event.kind in DRIVEN), None)
    if arrived:
        yield "submit", arrived.at_s
    point = _first(events, Kind.POINT)
    landed = next((event for event in events if event.kind is Kind.FAULT and event.data["state"] == "landed"), None)
    if point:
        yield "reach", point.at_s
    if point and landed:
        yield "kill", landed.at_s
        yield "recover", max(_healed_s(events, landed), _driven_s(events, landed.work))
    yield "drain", events[-1].at_s


def _first(events: Iterable[Event], kind: Kind, where: str = "") -> Event | None:
    return next((event for event in events if event.kind is kind and where in ("", event.where)), None)


def _healed_s(events: Iterable[Event], landed: Event) -> float:
    healed = (event.at_s for event in events if event.kind is Kind.FAULT and event.data["state"] == "healed")
    return max(healed, default=landed.at_s)


def _driven_s(events: Iterable[Event], work: str) -> float:
    return max((event.at_s for event in events if event.kind in DRIVEN and event.work == work), default=0.0)


async def measure_cases(manifest: str, server: Server, repetitions: int) -> dict[str, Any]:
    """Runs every core plan with faults in this process and says where the time went.

    Args:
        manifest: path of the system. server: the Toxiproxy to run. repetitions: how often each plan is run.

    Raises:
        HarnessError: the system cannot be run.
    """
    system = open_system(Path(manifest))
    plans = [plan for plan in Campaign(manifests=(manifest,), explore="core").plans(system) if plan.faults]
    async with Stage(server, [system]) as stage:
        universe, _ = await stage.universe(system.name)
        before = _processor_s(universe.workshop)
        splits = [await _one(stage, plan) for plan in plans * repetitions]
        after = _processor_s(universe.workshop)
    spent = {name: _ms((after[name] - before[name]) / len(splits)) for name in after}
    return summary(splits) | {"cpu": spent}


async def _one(stage: Stage, plan: Plan) -> Split:
    judged = await stage.run(plan)
    begun_s = time.perf_counter()
    judge(judged.run.history)
    return _whole(judged, time.perf_counter() - begun_s)


def _whole(judged: Judged, judge_s: float) -> Split:
    seconds = judged.run.seconds
    phase_s = split_of(judged.run.history) | {"end": seconds["end"], "judge": judge_s}
    return Split(total_s=seconds["case"] + judge_s, phase_s=phase_s)


def _processor_s(workshop: Workshop) -> dict[str, float]:
    """Seconds of processor so far. Services are counted when the keeper has buried them: at the end of their case."""
    keeper = psutil.Process(workshop.keeper.pid).cpu_times()
    proxy = psutil.Process(workshop.network.pid).cpu_times()
    return {
        "harness": time.process_time(),
        "keeper": keeper.user + keeper.system,
        "services": keeper.children_user + keeper.children_system,
        "toxiproxy": proxy.user + proxy.system,
    }


def summary(splits: Sequence[Split]) -> dict[str, Any]:
    """`cases`, `total` and `phases` of these cases, in milliseconds."""
    phases = {name: [split.phase_s[name] for split in splits if name in split.phase_s] for name in PHASES}
    return {
        "cases": len(splits),
        "total": _spread([split.total_s for split in splits]),
        "phases": {name: _spread(times) | {"cases": len(times)} for name, times in phases.items() if times},
    }


def _spread(times_s: Sequence[float]) -> dict[str, float]:
    ordered = sorted(times_s)
    nine_in_ten = ordered[min(len(ordered) - 1, int(0.9 * len(ordered)))]
    return {
        "p50": _ms(statistics.median(ordered)),
        "p90": _ms(nine_in_ten),
        "mean": _ms(statistics.fmean(ordered)),
    }


def _ms(seconds: float) -> float:
    return round(1000 * seconds, 2)
