"""The reader of SQLite stores: what is not there yet is nothing, what cannot be read is unknown."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.errors import HarnessError
from harness.stores import SqliteReader, StoreUnreadable

QUERY = "select id from inbox where done = 0 order by id"
TABLE = "create table inbox (id text, done integer default 0)"


def read(reader: SqliteReader) -> list[str]:
    """What the reader says now."""
    return asyncio.run(reader.read())


@pytest.fixture
def reader(path: Path) -> Iterator[SqliteReader]:
    """A reader of undone rows, closed in the end."""
    reader = SqliteReader(path, QUERY)
    yield reader
    asyncio.run(reader.close())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file in a folder whose name an address would have to quote."""
    folder = tmp_path / "50% of #1?"
    folder.mkdir()
    return folder / "inbox.db"


@pytest.fixture
def db(path: Path) -> Iterator[sqlite3.Connection]:
    """The service's own connection, as services open it."""
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("pragma journal_mode = wal")
    yield db
    db.close()


def test_file_that_is_not_there_yet_holds_nothing(path: Path) -> None:
    """Services make their files when they start; until then no trigger is set, and the reader makes no file either."""
    assert read(SqliteReader(path, QUERY)) == []
    assert not path.exists()


def test_table_that_is_not_there_yet_holds_nothing(path: Path, reader: SqliteReader, db: sqlite3.Connection) -> None:
    """A file without its tables is a service that is still starting."""
    assert read(reader) == []
    db.execute(TABLE)
    db.execute("insert into inbox (id) values ('w1')")
    assert read(reader) == ["w1"]


def test_every_row_counts_in_the_order_of_the_query(path: Path, reader: SqliteReader, db: sqlite3.Connection) -> None:
    """Repeats stay, since the caller counts them; whatever the column holds is read as text."""
    db.execute("create table inbox (id, done integer default 0)")
    db.executemany("insert into inbox (id) values (?)", [("w2",), ("w1",), ("w2",), (7,)])
    assert read(reader) == ["7", "w1", "w2", "w2"]


def test_what_another_process_commits_is_seen_at_once(path: Path, reader: SqliteReader, db: sqlite3.Connection) -> None:
    """The newest committed state, from the log that another process writes and has not checkpointed."""
    db.execute(TABLE)
    assert read(reader) == []
    insert = "import sqlite3, sys; db = sqlite3.connect(sys.argv[1]); db.execute(sys.argv[2]); db.commit()"
    subprocess.run([sys.executable, "-c", insert, path, "insert into inbox (id) values ('w1')"], check=True)
    assert read(reader) == ["w1"]


def test_what_is_not_committed_is_not_seen(path: Path, reader: SqliteReader, db: sqlite3.Connection) -> None:
    """A trigger is set by the commit; and reading never stands in the writer's way."""
    db.execute(TABLE)
    db.execute("begin immediate")
    db.execute("insert into inbox (id) values ('w1')")
    assert read(reader) == []
    db.execute("commit")
    assert read(reader) == ["w1"]


def test_locked_file_is_unknown_and_never_empty(path: Path, reader: SqliteReader) -> None:
    """Without a write-ahead log a writer locks readers out; nothing is known meanwhile, and everything afterwards."""
    with sqlite3.connect(path, isolation_level=None) as db:
        db.execute(TABLE)
        db.execute("insert into inbox (id) values ('w1')")
        db.execute("begin exclusive")
        with pytest.raises(StoreUnreadable, match=r"inbox\.db: database is locked"):
            read(reader)
        db.execute("commit")
        assert read(reader) == ["w1"]
    db.close()


@pytest.mark.parametrize("content", [b"not a database at all", b"SQLite format 3\0" + b"\xff" * 4096])
def test_broken_file_is_unknown_and_never_empty(path: Path, content: bytes) -> None:
    """A file that is no database says nothing about triggers."""
    path.write_bytes(content)
    with pytest.raises(StoreUnreadable):
        read(SqliteReader(path, QUERY))


def test_query_that_cannot_be_run_is_unknown(path: Path, db: sqlite3.Connection) -> None:
    """A column that does not exist is a mistake, not an empty store."""
    db.execute(TABLE)
    with pytest.raises(StoreUnreadable, match="no such column"):
        read(SqliteReader(path, "select key from inbox"))


def test_reader_cannot_write(path: Path, db: sqlite3.Connection) -> None:
    """A query that changes something is refused: the harness observes."""
    db.execute(TABLE)
    with pytest.raises(StoreUnreadable, match="readonly"):
        read(SqliteReader(path, "insert into inbox (id) values ('w9') returning id"))


def test_file_that_was_begun_anew_is_read_anew(path: Path, reader: SqliteReader, db: sqlite3.Connection) -> None:
    """A service that throws its file away when it starts has lost its triggers; the reader must not keep them alive."""
    db.execute(TABLE)
    db.execute("insert into inbox (id) values ('w1')")
    assert read(reader) == ["w1"]
    db.close()
    for left in path.parent.iterdir():
        left.unlink()
    assert read(reader) == []
    with sqlite3.connect(path) as again:
        again.execute(TABLE)
        again.execute("insert into inbox (id) values ('w2')")
    again.close()
    assert read(reader) == ["w2"]


def test_unreadable_store_is_one_of_the_harness_errors() -> None:
    """Where nobody catches it, it ends in a message and not in a traceback."""
    assert issubclass(StoreUnreadable, HarnessError)
