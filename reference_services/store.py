"""A SQLite file whose COMMIT means durable, shared by the threads of a process and by processes of one service.

Write-ahead log, so that readers never wait for a writer; `synchronous=FULL`, so that a commit is on disk before it
returns; `BEGIN IMMEDIATE`, so that a transaction takes the write lock before it reads and two cannot both decide on the
same old state. A lock held elsewhere is waited for, and then raises `sqlite3.OperationalError`: the caller has promised
nothing yet and may fail loudly.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

__all__ = ["Store"]

LOCKED_S = 1.0
"""How long a statement waits for another process's write lock."""


class Store:
    """One connection and the lock that lets threads take turns on it."""

    def __init__(self, path: Path, schema: str) -> None:
        """Opens the file at `path` and creates what `schema` names; safe while another process does the same.

        Args:
            path: the database file; its folder exists.
            schema: statements that may run again on a database that already has it all.
        """
        self._turn = threading.Lock()
        self._db = sqlite3.connect(path, timeout=LOCKED_S, isolation_level=None, check_same_thread=False)
        _write_ahead(self._db)
        self._db.execute("pragma synchronous = full")
        self._db.executescript(f"begin immediate; {schema} commit;")

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """A write transaction: durable when the block is left, undone when it raises."""
        with self._turn:
            self._db.execute("begin immediate")
            try:
                yield self._db
                self._db.execute("commit")
            except BaseException:
                if self._db.in_transaction:  # a commit that failed may have been undone already
                    self._db.execute("rollback")
                raise

    def read(self, query: str, *values: Any) -> list[Any]:
        """All rows of a query, as of now."""
        with self._turn:
            return self._db.execute(query, values).fetchall()


def _write_ahead(db: sqlite3.Connection) -> None:
    """Switches the file to a write-ahead log, once for its life.

    SQLite does not wait for locks while it switches: of two processes that open a new file together, one is refused at
    once. Hence the tries here; where the file is switched already, nothing is locked.
    """
    deadline_s = time.monotonic() + LOCKED_S
    while True:
        try:
            db.execute("pragma journal_mode = wal")
            return
        except sqlite3.OperationalError:
            if time.monotonic() > deadline_s:
                raise
            time.sleep(0.005)
