"""FLAW: the inbox is durable, and only orders that were never tried are taken from it (P1b, P15; kill worker @recv).

Every order that was begun and not finished stays where it is for ever.
"""

from __future__ import annotations

from reference_services.callee_inbox import worker
from reference_services.callee_inbox.inbox import Claim, Inbox
from reference_services.callee_inbox.worker import main
from reference_services.order import Order

__all__ = ["FirstTryInbox", "main"]


class FirstTryInbox(Inbox):
    """Hands out each order once."""

    def claim(self, lease_s: float) -> Claim | None:
        """Takes an order that nobody has tried."""
        with self._store.transaction() as db:
            row = db.execute(
                "update inbox set token = 1 where id = (select id from inbox where done = 0 and token = 0 limit 1)"
                " returning body, token"
            ).fetchone()
        return Claim(order=Order.model_validate_json(row[0]), token=row[1]) if row else None


worker.Inbox = FirstTryInbox
