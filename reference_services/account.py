"""A balance that cannot hide a double booking.

A partner that dedupes by key forgives a second call; `balance + amount` does not. The audit is written by the database
itself, in the transaction that changed the balance, and can only grow: whoever counts its rows counts what was booked,
not what the service says of itself.
"""

from __future__ import annotations

import sqlite3

from reference_services.order import Order

__all__ = ["ACCOUNT", "book", "book_once"]

ACCOUNT = """
create table if not exists account (
    id integer primary key check (id = 1),
    balance integer not null,
    work text not null  -- the order that changed the balance last
);
insert or ignore into account values (1, 0, '');
create table if not exists booked (work text primary key);
create table if not exists audit (seq integer primary key, work text not null, amount integer not null);
create trigger if not exists audited after update on account begin
    insert into audit (work, amount) values (new.work, new.balance - old.balance);
end;
create trigger if not exists audit_kept after delete on audit begin select raise(abort, 'the audit only grows'); end;
create trigger if not exists audit_fixed after update on audit begin select raise(abort, 'the audit only grows'); end;
"""
"""Schema of an account, its dedupe record and its audit."""


def book(db: sqlite3.Connection, order: Order) -> None:
    """Adds the order to the balance, as often as it is called. `db` is in the transaction that makes it once."""
    db.execute("update account set balance = balance + ?, work = ?", (order.amount, order.id))


def book_once(db: sqlite3.Connection, order: Order) -> bool:
    """Books the order unless it was booked before, and says whether it did now.

    The dedupe record and the balance change in one transaction. Recorded before, in a transaction of its own, a crash
    in between loses the booking; recorded after, it books twice.
    """
    first = db.execute("insert or ignore into booked values (?)", (order.id,)).rowcount == 1
    if first:
        book(db, order)
    return first
