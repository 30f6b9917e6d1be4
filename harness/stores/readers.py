"""Readers of undischarged triggers and of effects that a store keeps.

A reader answers with one text a row, in the store's order, repeats included: the caller counts them. The text is the
work id, or contains it: a queue's message, a row's payload. A store that cannot be read just now (its server is down,
its file is locked) raises `StoreUnreadable`, which means "unknown" and never "empty".
"""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import time
from pathlib import Path
from typing import Protocol

from harness.errors import HarnessError

__all__ = ["Paced", "Reader", "SqliteReader", "StoreUnreadable", "said", "text_of"]

SHORTEST_REST_S = 0.02

LOCKED_S = 0.05
"""How long a locked file is waited for; the loop stands still meanwhile."""
MOST_NAMES = 8
"""How many files or tables a message lists."""


class StoreUnreadable(HarnessError):
    """The store gave no answer, so nothing is known."""


class Reader(Protocol):
    """Reads work ids out of one store."""

    @property
    def absent(self) -> str:
        """What the last reading found not to exist yet, so that it held nothing; empty where it was there."""
        ...

    async def read(self) -> list[str]:
        """The work ids, one a row. Raises StoreUnreadable."""
        ...

    async def close(self) -> None:
        """Ends connections."""
        ...


def said(error: Exception) -> str:
    """What an error says in one line, or what it is where it says nothing, as time limits do."""
    return " ".join(str(error).split()) or type(error).__name__


def text_of(item: object) -> str:
    """The work id that a value carries: of a JSON object its `work`, else its `id`, else all of it as text."""
    if isinstance(item, dict):
        named = [item[key] for key in ("work", "id") if key in item]
        return str(named[0]) if named else json.dumps(item, ensure_ascii=False, default=str)
    return item if isinstance(item, str) else json.dumps(item, ensure_ascii=False, default=str)


class Paced:
    """Leaves a source alone for a while after each reading, where reading it costs the system time and processors.

    A reading is always made after it was asked for; only the asking waits.

    Args:
        reader: the source. It rests for as long as it took, and at least 20 ms.
    """

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self._rested_s = 0.0

    @property
    def absent(self) -> str:
        """As the reader."""
        return self.reader.absent

    async def read(self) -> list[str]:
        """As the reader, after its rest."""
        await asyncio.sleep(max(0.0, self._rested_s - time.monotonic()))
        begun_s = time.monotonic()
        try:
            return await self.reader.read()
        finally:
            ended_s = time.monotonic()
            self._rested_s = ended_s + max(SHORTEST_REST_S, ended_s - begun_s)

    async def close(self) -> None:
        """As the reader."""
        await self.reader.close()


def _there_is(names: list[str]) -> str:
    """For a message: what could have been meant."""
    return f"; there is {', '.join(names[:MOST_NAMES])}" if names else ""


class SqliteReader:
    """Runs one query on a SQLite file, read-only.

    A file or table that does not exist yet holds nothing: services create them when they start. The connection is kept,
    because opening one costs more than the query; SQLite shows each statement the newest committed state. A service
    that begins with a new file gets a new connection: the old one would go on showing what is no longer there.

    Args:
        path: the database file. query: a SELECT whose first column is the work id.
    """

    def __init__(self, path: Path, query: str) -> None:
        self.path = path
        self.query = query
        self.absent = ""
        self._connection: sqlite3.Connection | None = None
        self._file: tuple[int, int] = (0, 0)

    async def read(self) -> list[str]:
        """The first column of every row."""
        self.absent = ""
        try:
            return [text_of(row[0]) for row in self._connected().execute(self.query)]
        except FileNotFoundError:
            self.absent = f"no file {self.path.name}{_there_is(self._files())}"
            return []
        except sqlite3.Error as error:
            if "no such table" in str(error):
                self.absent = f"{self.path.name}: {error}{_there_is(self._tables())}"
                return []
            raise StoreUnreadable(f"{self.path.name}: {error}") from error

    def _files(self) -> list[str]:
        """What stands where the file was looked for."""
        return sorted(path.name for path in self.path.parent.glob("*") if path.is_file())

    def _tables(self) -> list[str]:
        try:
            names = self._connected().execute("select name from sqlite_master where type in ('table', 'view')")
            return sorted(str(row[0]) for row in names)
        except (OSError, sqlite3.Error):
            return []

    def _connected(self) -> sqlite3.Connection:
        status = os.stat(self.path)
        if self._connection is None or self._file != (status.st_dev, status.st_ino):
            self._close()
            self._connection = sqlite3.connect(f"{self.path.absolute().as_uri()}?mode=ro", uri=True, timeout=LOCKED_S)
            self._file = (status.st_dev, status.st_ino)
        return self._connection

    async def close(self) -> None:
        """Closes the file."""
        self._close()

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
