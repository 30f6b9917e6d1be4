"""FLAW: the dedupe mark is committed before the effect, in a transaction of its own (P1b; kill payments @recv)."""

from __future__ import annotations

from reference_services.account import book
from reference_services.caller_queue import payments
from reference_services.caller_queue.payments import main
from reference_services.order import Order

__all__ = ["main"]


def pay(order: Order) -> None:
    """Marks the order, so that nobody does it twice, and then does it."""
    with payments.store.transaction() as db:
        first = db.execute("insert or ignore into booked values (?)", (order.id,)).rowcount
    if first:
        payments.cards.call("/charge", order)
        with payments.store.transaction() as db:
            book(db, order)


payments.pay = pay
