"""The topic: a log of orders that only grows, and for each group of readers the position up to which it has worked.

For each group a trigger is set by the commit that appends the order, and discharged when the group's position has
passed it. A position is a promise about everything before it. So it may only move over what is done, in the order of
the log, and a reader that dies gets everything behind the last committed position once more.

That rests on the log's own order: a lower position must never become visible after a higher one, or a reader has passed
it by then. SQLite has one writer at a time, so it does not happen here. With a sequence of PostgreSQL it does.

Source: the post, fig. 2.
"""

from __future__ import annotations

from pathlib import Path

from reference_services.order import Order
from reference_services.store import Store

__all__ = ["Topic"]

SCHEMA = """
create table if not exists log (
    position integer primary key autoincrement,
    id text not null unique,
    body text not null
);
create table if not exists readers (name text primary key, position integer not null);
"""


class Topic:
    """The log and its readers' positions, in one SQLite file."""

    def __init__(self, path: Path) -> None:
        self._store = Store(path, SCHEMA)

    def append(self, order: Order) -> None:
        """Makes the order durable, behind all others. The same id again changes nothing."""
        with self._store.transaction() as db:
            db.execute("insert or ignore into log (id, body) values (?, ?)", (order.id, order.model_dump_json()))

    def after(self, reader: str, limit: int) -> list[tuple[int, Order]]:
        """Up to `limit` orders behind the reader's position, in order, each with its own position."""
        rows = self._store.read(
            "select position, body from log where position >"
            " coalesce((select position from readers where name = ?), 0) order by position limit ?",
            reader,
            limit,
        )
        return [(position, Order.model_validate_json(body)) for position, body in rows]

    def commit(self, reader: str, position: int) -> None:
        """Moves the reader to `position`: everything up to there is done. It never moves back."""
        with self._store.transaction() as db:
            db.execute(
                "insert into readers values (?, ?)"
                " on conflict do update set position = max(position, excluded.position)",
                (reader, position),
            )
