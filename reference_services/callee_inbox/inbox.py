"""The durable inbox: a table that owns every accepted order until it is done.

A row is the trigger: *set* when the insert commits, *discharged* when `done` commits together with the booking. In
between whoever finds the row free may claim it: each claim raises the row's token and holds it for a lease. The lease
only decides who tries next, and may be wrong: a worker that was paused does not notice that its lease has run out. The
token decides who may finish, and is checked in the transaction that books.

Leases are wall-clock times because they must mean something after a reboot. A clock that jumps makes a retry early or
late, never wrong.

Source: the post, fig. 2.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from reference_services.account import ACCOUNT, book
from reference_services.order import Order
from reference_services.store import Store

__all__ = ["Claim", "Inbox"]

SCHEMA = """
create table if not exists inbox (
    id text primary key,
    body text not null,
    token integer not null default 0,
    free_at real not null,
    done integer not null default 0
);
create index if not exists undone on inbox (free_at) where done = 0;
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """The right to try one order, until somebody else claims it.

    order: the work, as it was first accepted.
    token: the fencing token, 1 for the first attempt, one more for each claim after it.
    """

    order: Order
    token: int


class Inbox:
    """Orders that were accepted, in one SQLite file."""

    def __init__(self, path: Path) -> None:
        self._store = Store(path, SCHEMA + ACCOUNT)

    def register(self, order: Order) -> None:
        """Makes the order durable. The same id again changes nothing: the caller has missed our answer."""
        with self._store.transaction() as db:
            db.execute(
                "insert or ignore into inbox (id, body, free_at) values (?, ?, ?)",
                (order.id, order.model_dump_json(), time.time()),
            )

    def claim(self, lease_s: float) -> Claim | None:
        """Takes the order that has been free for longest, for `lease_s` seconds; None where nothing is free."""
        now_s = time.time()
        with self._store.transaction() as db:
            row = db.execute(
                "update inbox set token = token + 1, free_at = ? where id ="
                " (select id from inbox where done = 0 and free_at <= ? order by free_at limit 1)"
                " returning body, token",
                (now_s + lease_s, now_s),
            ).fetchone()
        return Claim(order=Order.model_validate_json(row[0]), token=row[1]) if row else None

    def release(self, claim: Claim, backoff_s: float) -> None:
        """Gives the order back, to be tried again in `backoff_s` seconds, unless somebody else has it by now."""
        with self._store.transaction() as db:
            db.execute(
                "update inbox set free_at = ? where id = ? and token = ?",
                (time.time() + backoff_s, claim.order.id, claim.token),
            )

    def finish(self, claim: Claim) -> bool:
        """Books the order and marks it done, in one transaction; False where the claim has been overtaken."""
        with self._store.transaction() as db:
            ours = db.execute(
                "update inbox set done = 1 where id = ? and token = ? and done = 0", (claim.order.id, claim.token)
            ).rowcount
            if ours:
                book(db, claim.order)
        return bool(ours)
