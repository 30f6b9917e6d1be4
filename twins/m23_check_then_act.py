"""FLAW: whether the order is new is asked first and acted upon later: not atomic (P2; dup @deliver)."""

from __future__ import annotations

from fastapi import FastAPI

from reference_services.account import book
from reference_services.order import Order
from reference_services.peer import CallFailed, bad_gateway
from reference_services.upstream_sync import payments

__all__ = ["app"]

app = FastAPI()
app.add_exception_handler(CallFailed, bad_gateway)
app.add_api_route("/healthz", payments.healthz)


@app.post("/payments")
def pay(order: Order) -> dict[str, str]:
    """Does this node's work unless it is done, then waits for the child."""
    new = not payments.store.read("select 1 from booked where work = ?", order.id)
    charged = payments.cards.call("/charge", order)
    if new:
        with payments.store.transaction() as db:
            db.execute("insert or ignore into booked values (?)", (order.id,))
            book(db, order)
    entered = payments.ledger.call("/entries", order)
    return {**entered, "charged": charged["nonce"]}
