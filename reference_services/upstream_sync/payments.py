"""The middle of the chain: charges the card, records the payment, then waits for the ledger.

It has no trigger and needs none: should it die, whoever waits for it gets no answer and passes that up to the human.
What it must never do is to answer well while its own child has not.

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
store = Store(data_file("payments.db"), ACCOUNT)
cards = Peer(os.environ["CARDS_URL"], seconds("PARTNER_TIMEOUT_S", 2.0))
ledger = Peer(os.environ["LEDGER_URL"], seconds("CHILD_TIMEOUT_S", 10.0))


@app.post("/payments")
def pay(order: Order) -> dict[str, str]:
    """Does this node's work, then the rest of the chain; every step may be a repeat."""
    charged = cards.call("/charge", order)
    with store.transaction() as db:
        book_once(db, order)
    entered = ledger.call("/entries", order)
    return {**entered, "charged": charged["nonce"]}


@app.get("/healthz")
def healthz() -> dict[str, str]:
    """Answers when the service is up."""
    return {"status": "ok"}
