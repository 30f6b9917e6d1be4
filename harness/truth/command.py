"""`retrigger truth`: runs the tables, prints each row as it ends, writes the record and the page."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path

from harness.conformance.where import manifest_path, patterns_folder
from harness.truth.page import write_page
from harness.truth.record import write_json
from harness.truth.rows import RowResult
from harness.truth.session import read_tables, run_tables
from harness.truth.table import FILE_NAME

__all__ = ["truth"]


def truth(patterns: Sequence[str], *, runs: int, workers: str, out: Path, row: str) -> int:
    """Runs the tables of these patterns, or of all that have one.

    Args:
        patterns: names or folders. runs: how often each row is run. workers: a number or `auto`, which is two a core.
        out: where the record goes; the page stands beside it, as `.html`. row: only rows whose name contains this.

    Returns:
        0 where every row is as predicted in every run, otherwise 1.
    """
    folders = [manifest_path(name) for name in patterns] or tables_here()
    tables = read_tables(folders)
    number = 2 * len(os.sched_getaffinity(0)) if workers == "auto" else int(workers)
    rows = sum(row in each.fault for table in tables for each in table.rows)
    print(f"{rows} rows, {runs} run{'' if runs == 1 else 's'} each, {number} workers", flush=True)
    began_s = time.monotonic()
    results = run_tables(tables, runs=runs, workers=number, tell=_tell, wanted=row)
    write_json(results, out)
    write_page(tables, results, out.with_suffix(".html"))
    equal = sum(result.equal for result in results)
    print(f"{equal} of {len(results)} rows as predicted   {time.monotonic() - began_s:.0f} s   {out}", flush=True)
    return 0 if results and equal == len(results) else 1


def tables_here() -> list[str]:
    """The patterns of this distribution that have a table."""
    return sorted(str(path.parent) for path in patterns_folder().glob(f"*/{FILE_NAME}"))


def _tell(result: RowResult) -> None:
    name = f"{result.pattern} {result.variant}".strip()
    print(f" {'ok' if result.equal else '!!'}  {name:<26} {result.fault:<44} {result.observed}", flush=True)
    if not result.equal:
        print(f"       predicted: {result.predicted}   {result.model}   plan: {' + '.join(result.plan)}", flush=True)
