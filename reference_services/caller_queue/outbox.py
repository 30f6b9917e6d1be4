"""The transactional outbox: an order and the message about it in one commit, never one without the other.

A row is a trigger: set by the commit that accepts the order, discharged when the broker has confirmed the message.
Publishing straight from the request instead would be a dual write, with a crash between the two losing the message.

Source: the post, fig. 2.
"""

from __future__ import annotations

from pathlib import Path

from reference_services.order import Order
from reference_services.store import Store

__all__ = ["Outbox"]

SCHEMA = """
create table if not exists orders (id text primary key, amount integer not null);
create table if not exists outbox (
    seq integer primary key,
    id text not null unique,
    body text not null,
    sent integer not null default 0
);
create index if not exists unsent on outbox (seq) where sent = 0;
"""


class Outbox:
    """Accepted orders and the messages about them, in one SQLite file."""

    def __init__(self, path: Path) -> None:
        self._store = Store(path, SCHEMA)

    def place(self, order: Order) -> None:
        """Makes the order and its message durable together. The same id again changes nothing."""
        with self._store.transaction() as db:
            new = db.execute("insert or ignore into orders values (?, ?)", (order.id, order.amount)).rowcount
            if new:
                db.execute("insert into outbox (id, body) values (?, ?)", (order.id, order.model_dump_json()))

    def unsent(self) -> list[Order]:
        """Up to a hundred orders whose message is not known to have reached the broker, oldest first."""
        rows = self._store.read("select body from outbox where sent = 0 order by seq limit 100")
        return [Order.model_validate_json(body) for (body,) in rows]

    def mark_sent(self, order: Order) -> None:
        """Discharges the row. Only for messages that the broker has confirmed."""
        with self._store.transaction() as db:
            db.execute("update outbox set sent = 1 where id = ?", (order.id,))
