"""FLAW: a scan takes every order that is not done, also one that somebody has in hand (P2; hold worker->world @recv).

Two workers are enough, or one partner that is slower than the scan.
"""

from __future__ import annotations

from reference_services.account import book
from reference_services.callee_inbox import worker
from reference_services.callee_inbox.inbox import Claim, Inbox
from reference_services.callee_inbox.worker import main
from reference_services.order import Order

__all__ = ["main"]


class OpenInbox(Inbox):
    """Whoever comes takes what is there."""

    def claim(self, lease_s: float) -> Claim | None:
        """Looks, and takes nothing away from anybody."""
        rows = self._store.read("select body from inbox where done = 0 order by free_at limit 1")
        return Claim(order=Order.model_validate_json(rows[0][0]), token=1) if rows else None

    def finish(self, claim: Claim) -> bool:
        """Books the order; there is no claim to be checked."""
        with self._store.transaction() as db:
            db.execute("update inbox set done = 1 where id = ?", (claim.order.id,))
            book(db, claim.order)
        return True


worker.Inbox = OpenInbox
