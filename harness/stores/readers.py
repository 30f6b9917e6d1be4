"""Readers of undischarged triggers and of effects that a store keeps.

A reader answers with one work id a row, in the store's order, repeats included: the caller counts them. A store that
cannot be read just now (its server is down, its file is locked) raises `StoreUnreadable`, which means "unknown" and
never "empty".
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Protocol

__all__ = ["Reader", "SqliteReader", "StoreUnreadable"]


class StoreUnreadable(Exception):
    """The store gave no answer, so nothing is known."""


class Reader(Protocol):
    """Reads work ids out of one store."""

    async def read(self) -> list[str]:
        """The work ids, one a row. Raises StoreUnreadable."""
        ...

    async def close(self) -> None:
        """Ends connections."""
        ...


class SqliteReader:
    """Runs one query on a SQLite file, read-only.

    A file or table that does not exist yet holds nothing: services create them when they start. The connection is kept,
    because opening one costs more than the query; SQLite shows each statement the newest committed state.

    Args:
        path: the database file. query: a SELECT whose first column is the work id.
    """

    def __init__(self, path: Path, query: str) -> None:
        self.path = path
        self.query = query
        self._connection: sqlite3.Connection | None = None

    async def read(self) -> list[str]:
        """The first column of every row."""
        if not self.path.exists():
            return []
        try:
            return [str(row[0]) for row in self._connected().execute(self.query)]
        except sqlite3.OperationalError as error:
            if "no such table" in str(error):
                return []
            raise StoreUnreadable(f"{self.path.name}: {error}") from error

    def _connected(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = sqlite3.connect(f"file:{self.path}?mode=ro", uri=True, timeout=0.05)
        return self._connection

    async def close(self) -> None:
        """Closes the file."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
