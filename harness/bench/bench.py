"""The whole bench, part after part, into one file. `harness.bench` says what the figures are."""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.bench.machine import machine
from harness.bench.phases import measure_cases
from harness.bench.setup import measure_lives, measure_reports, measure_workshop, timed
from harness.bench.throughput import throughput
from harness.checks import bench as checks
from harness.conformance.where import manifest_path, pattern_names
from harness.errors import HarnessError
from harness.network import Server, find_server

__all__ = ["FULL", "QUICK", "Size", "bench"]

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much is run.

    workers: numbers of workers to compare. cases: of each campaign, at least. repetitions: of each plan whose time is
    split. requests: each way over the hops. lives: of one service. events: sizes of histories to judge.
    """

    workers: tuple[int, ...]
    cases: int
    repetitions: int
    requests: int
    lives: int
    events: tuple[int, ...]


FULL = Size(workers=(1, 2, 4), cases=60, repetitions=4, requests=200, lives=50, events=(10_000, 100_000, 1_000_000))
QUICK = Size(workers=(1, 2), cases=7, repetitions=1, requests=20, lives=5, events=(10_000,))


def bench(
    out: Path,
    quick: bool,
    *,
    patterns: Sequence[str] = (),
    size: Size | None = None,
    progress: Progress = lambda text: None,
) -> dict[str, Any]:
    """Measures everything and writes the figures.

    Args:
        out: the file; its folder is made where it is missing.
        quick: only a few of everything.
        patterns: names of patterns, or manifests; all patterns where none is given.
        size: how much to run, instead of what `quick` says.
        progress: told in a few words what is measured next.

    Returns:
        What was written. A system that could not be run has an `error` in place of its figures.

    Raises:
        SetupError: a part of the harness itself cannot be made ready.
    """
    size = size or (QUICK if quick else FULL)
    systems = {Path(manifest).name: manifest for manifest in map(manifest_path, patterns or pattern_names())}
    begun_s = time.monotonic()
    progress("looking for Toxiproxy")
    server, find_server_s = timed(find_server)
    figures: dict[str, Any] = {"spec": 1, "quick": quick, "seconds": 0.0, "machine": machine(server)}

    def step(text: str) -> None:
        figures["seconds"] = round(time.monotonic() - begun_s, 1)
        _write(figures, out)  # what is there so far, for whoever loses patience
        progress(text)

    figures["setup_s"] = {"find_server": find_server_s}
    _once(figures, next(iter(systems.values())), server, size, step)
    figures |= {"throughput": {}, "case_ms": {}, "report_s": {}}
    for name, manifest in systems.items():
        _pattern(figures, name, manifest, server, size, step)
    figures["judge"] = _judging(size.events, step)
    step("done")
    return figures


def _write(figures: dict[str, Any], out: Path) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


def _once(figures: dict[str, Any], manifest: str, server: Server, size: Size, step: Progress) -> None:
    """What belongs to no pattern; `manifest` is opened to have a universe."""
    step("set-up and hops")
    setup_s, figures["hops_ms"] = asyncio.run(measure_workshop(manifest, server, size.requests))
    step("fork and kill")
    with tempfile.TemporaryDirectory(prefix="retrigger-bench-") as folder:
        keeper_s, figures["lives_ms"] = asyncio.run(measure_lives(Path(folder) / "lives", size.lives))
    figures["setup_s"] |= {"keeper": keeper_s, **setup_s}


def _pattern(figures: dict[str, Any], name: str, manifest: str, server: Server, size: Size, step: Progress) -> None:
    """What is measured of each pattern; and once, when there is a report, how long it takes to write."""
    step(f"{name}: where the time of a case goes")
    figures["case_ms"][name] = _split(manifest, server, size.repetitions)
    step(f"{name}: cases a minute")
    with tempfile.TemporaryDirectory(prefix="retrigger-bench-") as folder:
        out = Path(folder)
        figures["throughput"][name], report = throughput(manifest, size.workers, size.cases, out)
        if report and not figures["report_s"]:
            figures["report_s"] = measure_reports(report, out)


def _split(manifest: str, server: Server, repetitions: int) -> dict[str, Any]:
    try:
        return asyncio.run(measure_cases(manifest, server, repetitions))
    except HarnessError as error:
        return {"error": str(error)}


def _judging(sizes: Sequence[int], step: Progress) -> dict[str, Any]:
    step("judging long histories")
    return {
        str(measured.events): {
            "seconds": measured.seconds,
            "cpu_s": measured.cpu_s,
            "events_per_s": round(measured.events / max(measured.seconds, 0.001)),
        }
        for measured in checks.bench(sizes)
    }
