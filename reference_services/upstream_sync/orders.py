"""The head of the chain: reserves the stock, records the order, then waits for the payment before it confirms.

A 200 means that everything below is done. Anything else means "unknown": the human clicks again with the same key.

Source: the post, fig. 4.
"""

from __future__ import annotations

import os

from fastapi import FastAPI

from reference_services.account import ACCOUNT, book_once
from reference_services.order import Order
from reference_services.peer import CallFailed, Peer, bad_gateway
from reference_services.settings import data_file, seconds
from reference_services.store import Store

__all__ = ["app"]

app = FastAPI()
app.add_exception_handler(CallFailed, bad_gateway)
store = Store(data_file("orders.db"), ACCOUNT)
stock = Peer(os.environ["STOCK_URL"], seconds("PARTNER_TIMEOUT_S", 2.0))
payments = Peer(os.environ["PAYMENTS_URL"], seconds("CHILD_TIMEOUT_S", 20.0))


@app.post("/orders")
def place(order: Order) -> dict[str, str]:
    """Does this node's work, then the rest of the chain; every step may be a repeat."""
    reserved = stock.call("/reserve", order)
    with store.transaction() as db:
        book_once(db, order)
    paid = payments.call("/payments", order)
    return {**paid, "id": order.id, "nonce": order.nonce, "reserved": reserved["nonce"]}


@app.get("/healthz")
def healthz() -> dict[str, str]:
    """Answers when the service is up."""
    return {"status": "ok"}
