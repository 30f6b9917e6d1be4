"""FLAW: every request makes a row under a new id, also a repeat (P2; cut reply client->orders @deliver).

The client has missed the 202 and sends the order again, as he should: two rows, two bookings.
"""

from __future__ import annotations

import time

from reference_services.account import book
from reference_services.callee_inbox.inbox import Claim, Inbox
from reference_services.order import Order

__all__ = ["NumberedInbox"]


class NumberedInbox(Inbox):
    """Numbers its rows itself."""

    def register(self, order: Order) -> None:
        """Makes a row."""
        with self._store.transaction() as db:
            db.execute(
                "insert into inbox (id, body, free_at) values (? || '/' || (select count(*) from inbox), ?, ?)",
                (order.id, order.model_dump_json(), time.time()),
            )

    def finish(self, claim: Claim) -> bool:
        """Books the order, if a row with this content was claimed under this token and is not done."""
        with self._store.transaction() as db:
            ours = db.execute(
                "update inbox set done = 1 where id ="
                " (select id from inbox where body = ? and token = ? and done = 0 limit 1)",
                (claim.order.model_dump_json(), claim.token),
            ).rowcount
            if ours:
                book(db, claim.order)
        return bool(ours)
