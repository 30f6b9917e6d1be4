"""The store and the account by themselves."""

from __future__ import annotations

import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from reference_services.account import ACCOUNT, book, book_once
from reference_services.order import Order
from reference_services.store import Store

ORDER = Order(id="w1", amount=5, nonce="n")


def audit(path: Path) -> list[tuple[str, int]]:
    """What the database itself recorded."""
    with sqlite3.connect(path) as db:
        return db.execute("select work, amount from audit order by seq").fetchall()


def test_a_new_file_can_be_opened_by_many_at_once(tmp_path: Path) -> None:
    """Whoever starts first, the schema is made once and nobody is refused."""
    path = tmp_path / "new.db"
    with ThreadPoolExecutor(16) as pool:
        stores = list(pool.map(lambda _: Store(path, ACCOUNT), range(16)))
    assert all(store.read("pragma journal_mode") == [("wal",)] for store in stores)


def test_opening_waits_for_whoever_is_making_the_file(tmp_path: Path) -> None:
    """SQLite does not wait by itself while it switches to a write-ahead log; a start-up would die of it."""
    path = tmp_path / "new.db"
    first = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    first.execute("begin immediate")
    threading.Timer(0.05, first.execute, ["rollback"]).start()
    assert Store(path, ACCOUNT).read("pragma journal_mode") == [("wal",)]
    first.close()


def test_a_commit_waits_for_the_disk(tmp_path: Path) -> None:
    """`synchronous` is FULL (2): a commit that returned survives the machine."""
    assert Store(tmp_path / "a.db", ACCOUNT).read("pragma synchronous") == [(2,)]


def test_booking_twice_books_once(tmp_path: Path) -> None:
    """The dedupe record and the balance are one transaction."""
    store = Store(tmp_path / "a.db", ACCOUNT)
    for expected in (True, False):
        with store.transaction() as db:
            assert book_once(db, ORDER) is expected
    assert store.read("select balance from account") == [(5,)]
    assert audit(tmp_path / "a.db") == [("w1", 5)]


def test_a_double_booking_cannot_hide(tmp_path: Path) -> None:
    """Whoever forgets to dedupe leaves two rows in the audit, and cannot take one away."""
    store = Store(tmp_path / "a.db", ACCOUNT)
    for _ in range(2):
        with store.transaction() as db:
            book(db, ORDER)
    assert audit(tmp_path / "a.db") == [("w1", 5), ("w1", 5)]
    for statement in ("delete from audit", "update audit set work = 'other'"):
        with pytest.raises(sqlite3.IntegrityError, match="only grows"), store.transaction() as db:
            db.execute(statement)


def test_a_transaction_that_raises_leaves_nothing(tmp_path: Path) -> None:
    """Booking and dedupe record vanish together, and the store goes on working."""
    store = Store(tmp_path / "a.db", ACCOUNT)

    def crash() -> None:
        with store.transaction() as db:
            book_once(db, ORDER)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        crash()
    assert audit(tmp_path / "a.db") == []
    with store.transaction() as db:
        assert book_once(db, ORDER)


def test_threads_take_turns_on_one_store(tmp_path: Path) -> None:
    """A connection has one transaction at a time; concurrent requests must not fall into each other's."""
    store = Store(tmp_path / "a.db", ACCOUNT)

    def click(_: int) -> bool:
        with store.transaction() as db:
            return book_once(db, ORDER)

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(click, range(50))) == 1
    assert audit(tmp_path / "a.db") == [("w1", 5)]
