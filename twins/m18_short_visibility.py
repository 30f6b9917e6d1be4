"""FLAW: a message becomes visible again while its work may still go on, and nothing else keeps two apart (P2).

Exposed by hold payments->world @recv for longer than the visibility timeout, with two consumers.
"""

from __future__ import annotations

from reference_services.account import book
from reference_services.caller_queue import payments
from reference_services.caller_queue.payments import main
from reference_services.order import Order
from reference_services.peer import Peer

__all__ = ["main"]

PATIENCE_S = 5.0
cards = Peer(str(payments.cards._client.base_url), PATIENCE_S)


def pay(order: Order) -> None:
    """Looks whether it is done; the queue takes care that nobody else is at it."""
    if payments.store.read("select 1 from booked where work = ?", order.id):
        return
    cards.call("/charge", order)
    with payments.store.transaction() as db:
        db.execute("insert or ignore into booked values (?)", (order.id,))
        book(db, order)


payments.pay = pay
