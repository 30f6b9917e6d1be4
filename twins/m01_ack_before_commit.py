"""FLAW: orders are gathered before they are committed, and the 202 does not wait (P1b; kill orders @reply).

The worker would do every order that is in the inbox. This one was still in memory.
"""

from __future__ import annotations

import threading

from reference_services.callee_inbox import orders
from reference_services.callee_inbox.inbox import Inbox
from reference_services.callee_inbox.orders import app
from reference_services.order import Order
from reference_services.settings import data_file

__all__ = ["app"]

GATHER_S = 0.2


class LateInbox(Inbox):
    """Commits a moment after it was asked to, so that one commit could serve many orders."""

    def register(self, order: Order) -> None:
        """Makes the order durable, soon."""
        threading.Timer(GATHER_S, super().register, (order,)).start()


orders.inbox = LateInbox(data_file("inbox.db"))
