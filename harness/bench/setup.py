"""What is paid once: finding the server, opening a worker's workshop and a system's universe, writing reports."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TypeVar

from harness.bench.hops import measure_hops
from harness.network import Server, selftest
from harness.report.html import write_html
from harness.report.json import report_json
from harness.report.model import RunReport
from harness.runner.stage import smoke
from harness.runner.system import open_system
from harness.runner.universe import Universe
from harness.runner.workshop import workshop
from harness.targets import bench as lives

__all__ = ["measure_lives", "measure_reports", "measure_workshop", "timed"]

T = TypeVar("T")
SERVICES = Path(__file__).parent / "services"


def timed(call: Callable[[], T]) -> tuple[T, float]:
    """What a call returned, and the seconds it took."""
    begun_s = time.perf_counter()
    result = call()
    return result, round(time.perf_counter() - begun_s, 4)


async def measure_workshop(manifest: str, server: Server, requests: int) -> tuple[dict[str, float], dict[str, float]]:
    """Opens a workshop and in it a universe, and measures what hops cost while they are there.

    Args:
        manifest: path of a system. server: the Toxiproxy to run. requests: how many are sent each way.

    Returns:
        Seconds of set-up by part, and milliseconds by way of a request.
    """
    system = open_system(Path(manifest))
    laps = _Laps()
    async with AsyncExitStack() as stack:
        shop = await stack.enter_async_context(workshop(server, system.modules))
        laps.take("workshop")
        await selftest(shop.network)
        laps.take("self_test")
        universe = await Universe.open(system, shop)
        stack.push_async_callback(universe.close)
        laps.take("universe")
        await smoke(universe)
        laps.take("smoke")
        hops = await measure_hops(shop, requests)
    return laps.seconds, hops


class _Laps:
    """Seconds from one call of `take` to the next."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last_s = time.perf_counter()

    def take(self, name: str) -> None:
        now_s = time.perf_counter()
        self.seconds[name] = round(now_s - self._last_s, 4)
        self._last_s = now_s


async def measure_lives(folder: Path, runs: int) -> tuple[float, dict[str, float]]:
    """Forks and kills the smallest service again and again; `folder` must not exist.

    Returns:
        Seconds until a keeper with its libraries is there, and milliseconds by part of a life.
    """
    figures = await lives.measure(folder, "hello:app", (str(SERVICES),), "/healthz", runs)
    fork_ms, kill_ms = round(1000 * figures.fork_to_answer_s, 2), round(1000 * figures.kill_s, 2)
    return round(figures.keeper_s, 4), {"fork_to_answer": fork_ms, "kill": kill_ms}


def measure_reports(report: RunReport, folder: Path) -> dict[str, float]:
    """Writes the reports of a campaign, its histories still in their place; seconds by form."""
    _, html_s = timed(lambda: write_html(report, folder / "index.html"))
    _, json_s = timed(lambda: (folder / "report.json").write_text(report_json(report), encoding="utf-8"))
    return {"html": html_s, "json": json_s}
