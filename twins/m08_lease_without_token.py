"""FLAW: a claim has a lease and no token, so a worker that was paused still books (P2, P12; pause worker @recv).

The lease says who tries next. Nothing says who may finish.
"""

from __future__ import annotations

from reference_services.account import book
from reference_services.callee_inbox import worker
from reference_services.callee_inbox.inbox import Claim, Inbox
from reference_services.callee_inbox.worker import main

__all__ = ["main"]


class TrustingInbox(Inbox):
    """Believes whoever says that he has done it."""

    def finish(self, claim: Claim) -> bool:
        """Books the order and marks it done."""
        with self._store.transaction() as db:
            db.execute("update inbox set done = 1 where id = ?", (claim.order.id,))
            book(db, claim.order)
        return True


worker.Inbox = TrustingInbox
