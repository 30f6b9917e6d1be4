"""`python -m harness.bench detection`: hunts every twin, tries every control, writes the figures and the page."""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from harness.bench.detection.catalogue import Catalogue, read_catalogue
from harness.bench.detection.figures import canary_record, control_record, removal, score, twin_record
from harness.bench.detection.hunt import hunt, try_control
from harness.bench.detection.page import write_page
from harness.conformance.campaign import EXPLORATIONS
from harness.errors import HarnessError, Problem, UsageError
from harness.network import find_server
from harness.network.find import ENVIRONMENT_KEY

__all__ = ["detection", "main"]

WORKERS_PER_CORE = 3
"""A hunt mostly waits: for what was lost to be lost for good."""
INTERRUPTED = 130
Progress = Callable[[str], None]


def main(arguments: Sequence[str] | None = None) -> int:
    """Reads the command line, runs, and returns the exit code: 0 where all that is wrong was caught, and no more."""
    parser = argparse.ArgumentParser(prog="python -m harness.bench detection", description="What the harness catches.")
    parser.add_argument("--only", default="", help="names of twins, declarations and controls, with commas")
    parser.add_argument("--explore", default="single,compound", help="explorations, one after the other")
    parser.add_argument("--workers", type=int, default=0, help="default: three a core")
    parser.add_argument("--replays", type=int, default=10, help="how often the smallest witness is run again")
    parser.add_argument("--rounds", type=int, default=5, help="how often each plan of a control is run")
    parser.add_argument("--second", action="store_true", help="look for a witness of other kinds of faults as well")
    parser.add_argument("--out", type=Path, default=Path("build"), help="where detection.json and its page are written")
    given = parser.parse_args(arguments)
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, signal.default_int_handler)
    try:
        figures = detection(
            out=given.out,
            only=[name for name in given.only.split(",") if name],
            explorations=given.explore.split(","),
            workers=given.workers or WORKERS_PER_CORE * len(os.sched_getaffinity(0)),
            replays=given.replays,
            rounds=given.rounds,
            second=given.second,
            progress=lambda text: print(text, flush=True),
        )
    except HarnessError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return INTERRUPTED
    return _conclude(figures, given.out)


def _conclude(figures: Mapping[str, Any], out: Path) -> int:
    """Says how it ended; the exit code."""
    found, survived = figures["score"], [name for name, canary in figures["canaries"].items() if not canary["killed"]]
    if figures["void"]:
        print(f"VOID: {', '.join(survived)} survived, which nothing that works lets live; no figure counts")
    print(f"{found['killed']} of {found['of']} twins killed,", end=" ")
    print(f"{found['declarations_noticed']} of {found['declarations']} declarations noticed,", end=" ")
    print(f"{found['false_alarms']} false alarms in", end=" ")
    print(f"{found['clean_cases']} clean cases, {figures['seconds']:g} s, written to {out / 'detection.json'}")
    caught = (found["killed"], found["declarations_noticed"]) == (found["of"], found["declarations"])
    return 0 if caught and not found["false_alarms"] and not figures["void"] else 1


def detection(
    *,
    out: Path,
    only: Sequence[str],
    explorations: Sequence[str],
    workers: int,
    replays: int,
    rounds: int,
    second: bool,
    progress: Progress,
) -> dict[str, Any]:
    """Runs the benchmark.

    Args:
        out: folder of the file and the page. only: names; all where none is given. explorations: one after the other.
        workers: processes side by side. replays: of the smallest witness. rounds: of each plan of a control.
        second: look for a witness of other kinds of faults as well. progress: told a line as each one ends.

    Returns:
        What was written to `detection.json`.

    Raises:
        UsageError: an exploration or a name is not known.
    """
    catalogue = read_catalogue()
    known = (*catalogue.hunted, *catalogue.controls)
    _check(only, set(known), "twin, declaration or control", "--only M01,D1,C1")
    _check(explorations, set(EXPLORATIONS), "exploration", "--explore single,random")
    begun_s = time.monotonic()
    os.environ[ENVIRONMENT_KEY] = str(find_server().path or "stand-in")  # built once, for all
    folder = out / "detection"
    names = [name for name in known if not only or name in only]
    carried = [name for name in catalogue.canaries if name not in names]
    places = {name: str(catalogue.write(name, folder)) for name in (*names, *carried)}
    figures: dict[str, Any] = {group: {} for group in ("twins", "declarations", "controls", "canaries")}
    figures |= {"explorations": list(explorations), "cases": 0}
    for name, found in _run(catalogue, places, workers, (explorations, second, replays), rounds):
        _add(figures, catalogue, name, found, carried, progress)
        _sum_up(figures, names, time.monotonic() - begun_s)
        _write(figures, out)  # what is there so far, for whoever loses patience
    return figures


def _add(
    figures: dict[str, Any],
    catalogue: Catalogue,
    name: str,
    found: Mapping[str, Any],
    carried: Sequence[str],
    progress: Progress,
) -> None:
    """What became of a twin, a declaration or a control. Canaries that nobody asked for are told as such only."""
    if name in catalogue.hunted:
        record = twin_record(found, catalogue.hunted[name].properties, catalogue.flaw(name))
        if name in catalogue.canaries:
            figures["canaries"][name] = canary_record(record)
        if name not in carried:
            figures["twins" if name in catalogue.twins else "declarations"][name] = record
        figures["cases"] += record["cases"]
        progress(_told_twin(name, record))
    else:
        record = figures["controls"][name] = control_record(found, catalogue.controls[name].about)
        figures["cases"] += record["runs"]
        progress(f"{name:5} {record['runs']} runs, {record['false_alarms']} false alarms {record['error']}")


def _sum_up(figures: dict[str, Any], names: Sequence[str], seconds: float) -> None:
    """Puts all in the order of the catalogue, and adds what follows."""
    for group in ("twins", "declarations", "controls"):
        figures[group] = {name: figures[group][name] for name in names if name in figures[group]}
    figures |= {
        "cases_per_min": round(60 * figures["cases"] / seconds, 1),
        "seconds": round(seconds, 1),
        "score": score(figures["twins"], figures["controls"], figures["declarations"]),
        "removal": removal({**figures["twins"], **figures["declarations"]}),
        "void": not all(canary["killed"] for canary in figures["canaries"].values()),
    }


def _write(figures: Mapping[str, Any], out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    (out / "detection.json").write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    write_page(figures, out / "detection.html")


def _run(
    catalogue: Catalogue,
    places: Mapping[str, str],
    workers: int,
    hunting: tuple[Sequence[str], bool, int],
    rounds: int,
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Everything as it ends: what takes long is begun first, what takes the processors away comes last, alone."""
    specimens = {**catalogue.hunted, **catalogue.controls}
    quiet = [name for name in places if not _starved(catalogue, name)]
    quiet.sort(key=lambda name: not specimens[name].slow)
    for names, side_by_side in ((quiet, workers), ([name for name in places if name not in quiet], 1)):
        with ProcessPoolExecutor(side_by_side, mp_context=multiprocessing.get_context("spawn")) as pool:
            ends: dict[Future[dict[str, Any]], str] = {}
            for name in names:
                if name in catalogue.hunted:
                    ends[pool.submit(hunt, name, places[name], *hunting)] = name
                else:
                    control = catalogue.controls[name]
                    ends[pool.submit(try_control, name, places[name], control.plans, rounds, control.starved)] = name
            try:
                for end in as_completed(ends):
                    yield ends[end], end.result()
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                _kill_children()
                raise


def _kill_children() -> None:
    """Ends the workers. What they have started is ended by their keepers, which notice that they are gone."""
    for child in multiprocessing.active_children():
        child.kill()


def _starved(catalogue: Catalogue, name: str) -> bool:
    return name in catalogue.controls and catalogue.controls[name].starved


def _told_twin(name: str, record: Mapping[str, Any]) -> str:
    if not record["killed"]:
        return f"{name:5} SURVIVED {record['plans']} plans  {record['error']}"
    plan = " + ".join(record["witness"]["faults"]) or "no faults"
    where = f"{record['property']} after {record['plans']} plans, {record['seconds']:g} s"
    return f"{name:5} killed by {where}, again {record['replayed']}   {plan}"


def _check(asked: Sequence[str], known: set[str], what: str, fix: str) -> None:
    unknown = sorted(set(asked) - known)
    if unknown:
        raise UsageError(
            Problem(what=f"no such {what}", expected=", ".join(sorted(known)), got=", ".join(unknown), fix=fix)
        )
