"""A service that is called: charges the card and books it, once for each key, however often it is asked.

It has no trigger. Whoever calls it is answered when all is done, and owns the work until he has seen that answer; a
second call finds what is done already and gives the same answer again. Several patterns put it behind other callers.

Source: the post, fig. 2.
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
store = Store(data_file("payments.db"), ACCOUNT)
cards = Peer(os.environ["CARDS_URL"], seconds("PARTNER_TIMEOUT_S", 2.0))


@app.post("/charge")
def charge(order: Order) -> dict[str, str]:
    """Charges under the order's own key, then books; both may be a repeat."""
    charged = cards.call("/charge", order)
    with store.transaction() as db:
        book_once(db, order)
    return {"id": order.id, "charged": charged["nonce"]}


@app.get("/healthz")
def healthz() -> dict[str, str]:
    """Answers when the service is up."""
    return {"status": "ok"}
