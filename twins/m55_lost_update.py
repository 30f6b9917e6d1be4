"""FLAW: the balance is read before the card is charged, and written after (P1b, P1a; two orders, one is held up)."""

from __future__ import annotations

from reference_services.order import Order
from reference_services.upstream_sync import payments
from reference_services.upstream_sync.payments import app, cards, ledger, store

__all__ = ["app"]


def pay(order: Order) -> dict[str, str]:
    """Whatever was booked while the card was charged is overwritten."""
    [(balance,)] = store.read("select balance from account")
    charged = cards.call("/charge", order)
    with store.transaction() as db:
        if db.execute("insert or ignore into booked values (?)", (order.id,)).rowcount:
            db.execute("update account set balance = ?, work = ?", (balance + order.amount, order.id))
    entered = ledger.call("/entries", order)
    return {**entered, "charged": charged["nonce"]}


app.router.routes[:] = [route for route in app.router.routes if getattr(route, "endpoint", None) is not payments.pay]
app.post("/payments")(pay)
