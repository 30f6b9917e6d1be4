"""The end of the chain: reports the payment to the books of account and records that it did.

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
store = Store(data_file("ledger.db"), ACCOUNT)
books = Peer(os.environ["BOOKS_URL"], seconds("PARTNER_TIMEOUT_S", 2.0))


@app.post("/entries")
def enter(order: Order) -> dict[str, str]:
    """Does this node's work, which may be a repeat."""
    entered = books.call("/enter", order)
    with store.transaction() as db:
        book_once(db, order)
    return {"entered": entered["nonce"]}


@app.get("/healthz")
def healthz() -> dict[str, str]:
    """Answers when the service is up."""
    return {"status": "ok"}
