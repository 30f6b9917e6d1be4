"""All rows of some tables, on several workers; a worker is a process with a stage of its own."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import active_children, get_context
from multiprocessing.util import Finalize
from pathlib import Path

from harness.network import find_server
from harness.runner.stage import Stage
from harness.truth.rows import RowResult, RowRunner
from harness.truth.table import Table, read_table
from harness.truth.variants import check_rows, systems_of

__all__ = ["Part", "read_tables", "run_tables"]

PART = 6
"""How many rows of one system a worker takes at a time: it opens the system for them."""
PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Some rows of one system. folder: of the pattern. rows: their places in the table."""

    folder: str
    variant: str
    rows: tuple[int, ...]
    runs: int


def read_tables(folders: Sequence[str]) -> list[Table]:
    """Reads tables, and checks that their rows name what there is.

    Raises:
        ManifestError: a table or a manifest cannot be read, or a row names something else.
    """
    tables = [read_table(Path(folder)) for folder in folders]
    for table in tables:
        check_rows(table, systems_of(table))
    return sorted(tables, key=lambda table: (table.figure, table.pattern))


def parts_of(tables: Sequence[Table], runs: int, wanted: str = "") -> Iterator[Part]:
    """The work in pieces; `wanted` is a text that the name of a row contains."""
    for table in tables:
        for variant in table.variants:
            places = [i for i, row in enumerate(table.rows) if row.variant == variant and wanted in row.fault]
            for begin in range(0, len(places), PART):
                rows = tuple(places[begin : begin + PART])
                yield Part(folder=str(table.folder), variant=variant, rows=rows, runs=runs)


def run_tables(
    tables: Sequence[Table], *, runs: int, workers: int, tell: Callable[[RowResult], None], wanted: str = ""
) -> list[RowResult]:
    """Runs the rows of all tables, and tells of each when it has ended.

    Args:
        tables: as read. runs: how often each row is run. workers: how many processes.
        tell: hears of each row. wanted: only rows whose name contains this text.
    """
    parts = sorted(parts_of(tables, runs, wanted), key=lambda part: -len(part.rows))
    server = find_server()
    os.environ["RETRIGGER_TOXIPROXY"] = str(server.path) if server.path else "stand-in"
    folders = [str(table.folder) for table in tables]
    results: list[RowResult] = []
    pool = ProcessPoolExecutor(
        max_workers=max(1, min(workers, len(parts))),
        mp_context=get_context("spawn"),
        initializer=_begin,
        initargs=(folders,),
    )
    try:
        for done in as_completed([pool.submit(_run_part, part) for part in parts]):
            for result in done.result():
                results.append(result)
                tell(result)
    except BaseException:
        for worker in active_children():
            worker.kill()  # their keepers remove whatever was started
        raise
    finally:
        pool.shutdown(cancel_futures=True)
    order = [(table.pattern, row.variant, row.fault) for table in tables for row in table.rows]
    return sorted(results, key=lambda result: order.index((result.pattern, result.variant, result.fault)))


class _Worker:
    """What one process keeps: an event loop and a stage."""

    def __init__(self, folders: Sequence[str]) -> None:
        self.tables = {str(table.folder): table for table in map(read_table, map(Path, folders))}
        self.systems = {folder: systems_of(table) for folder, table in self.tables.items()}
        self.loop = asyncio.Runner()
        self.runner: RowRunner | None = None

    def run(self, part: Part) -> list[RowResult]:
        """Runs a part."""
        return self.loop.run(self._run(part))

    async def _run(self, part: Part) -> list[RowResult]:
        if self.runner is None:
            systems = [system for variants in self.systems.values() for system in variants.values()]
            self.runner = RowRunner(await Stage(find_server(), systems).__aenter__())
        table, system = self.tables[part.folder], self.systems[part.folder][part.variant]
        rows = [table.rows[place] for place in part.rows]
        return [await self.runner.run(table.figure, table.pattern, system, row, part.runs) for row in rows]

    def close(self) -> None:
        """Ends the stage and everything that it started."""
        if self.runner is not None:
            self.loop.run(self.runner.stage.__aexit__(None, None, None))
        self.loop.close()


_worker: _Worker | None = None


def _begin(folders: Sequence[str]) -> None:
    """Begins a worker, which ends with the process that reports, however that one ends."""
    global _worker
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    _worker = _Worker(folders)
    Finalize(None, _worker.close, exitpriority=1)


def _run_part(part: Part) -> list[RowResult]:
    assert _worker is not None, "begun by the pool"
    return _worker.run(part)
