"""FLAW: a call that has failed ten times is dropped, and nobody is told (P1b; an outage that outlasts ten attempts)."""

from __future__ import annotations

from collections import Counter

from reference_services.caller_rpc import orders
from reference_services.caller_rpc.orders import app, outbox, payments
from reference_services.peer import CallFailed

__all__ = ["app"]

ATTEMPTS = 10

failed: Counter[str] = Counter()


def call_each() -> bool:
    """One call for each row that is left; False where something failed."""
    good = True
    for order in outbox.unsent():
        try:
            payments.call("/charge", order)
            outbox.mark_sent(order)
        except CallFailed:
            good = False
            failed[order.id] += 1
            if failed[order.id] == ATTEMPTS:
                outbox.mark_sent(order)
    return good


orders.call_each = call_each
