"""The figures for a reader: tables of at most 80 columns, and how an older file compares."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from harness.bench.phases import PHASES

__all__ = ["WIDTH", "print_comparison", "print_figures", "ratios"]

WIDTH = 80
CIRCUMSTANCES = ("spec", "seconds", "machine", "quick")
NOT_COMPARED = ("cases", "p90", "mean")
"""What says how much was measured, and what would make a comparison three times as long."""


def print_figures(figures: Mapping[str, Any], console: Console) -> None:
    """Prints everything that was measured."""
    machine, proxy = figures["machine"], figures["machine"]["toxiproxy"]
    console.print(
        f"{machine['cores']} cores, {machine['cpu']}, load {machine['load_1m']:g}\n"
        f"Python {machine['python']}, Toxiproxy {proxy['version']}{'' if proxy['real'] else ' (NOT REAL)'}",
        markup=False,
    )
    _print("Cases a minute", _throughput(figures["throughput"]), console)
    _print("A case, ms: p50/p90", _phases(figures["case_ms"]), console)
    _print("A case, ms of processor", _processor(figures["case_ms"]), console)
    _print("A request on a fresh connection", _hops(figures["hops_ms"]), console)
    _print("Lives, set-up and reports", _once(figures), console)
    _print("Judging", _judge(figures["judge"]), console)


def _print(title: str, table: Table, console: Console) -> None:
    console.print(f"\n{title}", style="bold")
    console.print(table)


def _table(*columns: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left", overflow="fold")
    return table


def _throughput(throughput: Mapping[str, Any]) -> Table:
    table = _table("pattern", "workers", "a minute", "speed-up", "with set-up", "set-up s", "verdict")
    for pattern, by_workers in throughput.items():
        for workers, found in by_workers.items():
            if "error" in found:
                table.add_row(pattern, workers, "-", "-", "-", "-", "ERROR")
                continue
            names = ("cases_per_min", "speedup", "cases_per_min_with_setup", "setup_s", "verdict")
            table.add_row(pattern, workers, *(str(found.get(name, "-")) for name in names))
    return table


def _phases(case_ms: Mapping[str, Any]) -> Table:
    """One row a phase, one column a pattern: p50 and p90 of the cases that have it."""
    table = _table("phase", *(name.replace("_", " ") for name in case_ms))
    for phase in PHASES:
        table.add_row(phase, *(_pair(found.get("phases", {}).get(phase)) for found in case_ms.values()))
    table.add_section()
    table.add_row("total", *(_pair(found.get("total")) for found in case_ms.values()))
    return table


def _pair(spread: Mapping[str, float] | None) -> str:
    return f"{spread['p50']:.0f}/{spread['p90']:.0f}" if spread else "-"


def _processor(case_ms: Mapping[str, Any]) -> Table:
    table = _table("of", *(name.replace("_", " ") for name in case_ms))
    spent = [found.get("cpu", {}) for found in case_ms.values()]
    for part in next(filter(None, spent), {}):
        table.add_row(part, *(f"{each[part]:.1f}" if each else "-" for each in spent))
    table.add_section()
    table.add_row("all", *(f"{sum(each.values()):.1f}" if each else "-" for each in spent))
    return table


def _hops(hops_ms: Mapping[str, float]) -> Table:
    table = _table("way", "p50 ms", "x direct")
    for way, took_ms in hops_ms.items():
        table.add_row(way, f"{took_ms:.2f}", f"{took_ms / hops_ms['direct']:.1f}")
    return table


def _once(figures: Mapping[str, Any]) -> Table:
    table = _table("what", "ms")
    for name, took_ms in figures["lives_ms"].items():
        table.add_row(name.replace("_", " "), f"{took_ms:.1f}")
    for group in ("setup_s", "report_s"):
        for name, took_s in figures[group].items():
            table.add_row(f"{group[:-2]}: {name.replace('_', ' ')}", f"{1000 * took_s:.1f}")
    return table


def _judge(judge: Mapping[str, Any]) -> Table:
    table = _table("events", "seconds", "of processor", "events a second")
    for events, found in judge.items():
        table.add_row(
            f"{int(events):,}", str(found["seconds"]), str(found.get("cpu_s", "-")), f"{found['events_per_s']:,}"
        )
    return table


def ratios(figures: Mapping[str, Any], older: Mapping[str, Any]) -> dict[str, tuple[float, float, float]]:
    """What both files have: name -> then, now, now/then. Of spreads the median; what was 0 then has no ratio."""
    now, then = dict(_flat(figures)), dict(_flat(older))
    return {name: (then[name], now[name], now[name] / then[name]) for name in now if then.get(name)}


def _flat(figures: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, float]]:
    for key, value in figures.items():
        if key in NOT_COMPARED or (not prefix and key in CIRCUMSTANCES):
            continue
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        elif isinstance(value, int | float):
            yield prefix + key, float(value)


def print_comparison(figures: Mapping[str, Any], older: Mapping[str, Any], console: Console) -> None:
    """Prints every ratio, and a warning where the two were not measured in the same way."""
    for what in ("quick", "machine"):
        if _circumstance(figures, what) != _circumstance(older, what):
            console.print(f"!! not measured alike: {what} differs", style="bold", markup=False)
    table = _table("figure", "then", "now", "now/then")
    for name, (then, now, ratio) in ratios(figures, older).items():
        table.add_row(name.removeprefix("throughput."), f"{then:g}", f"{now:g}", f"{ratio:.2f}")
    _print("Against the older file", table, console)


def _circumstance(figures: Mapping[str, Any], what: str) -> Any:
    found = figures.get(what)
    return {name: found.get(name) for name in ("cores", "cpu", "python")} if isinstance(found, Mapping) else found
