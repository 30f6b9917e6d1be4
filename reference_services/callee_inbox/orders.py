"""Takes orders: durable first, then 202. From the commit on the inbox is responsible, and the caller may forget.

Until he has seen the 202 the caller is still responsible too: he may send the same order again, and it is one order.

Source: the post, fig. 2.
"""

from __future__ import annotations

from fastapi import FastAPI

from reference_services.callee_inbox.inbox import Inbox
from reference_services.order import Order
from reference_services.settings import data_file

__all__ = ["app"]

app = FastAPI()
inbox = Inbox(data_file("inbox.db"))


@app.post("/orders", status_code=202)
def accept(order: Order) -> dict[str, str]:
    """Registers the order and only then says so."""
    inbox.register(order)
    return {"id": order.id, "nonce": order.nonce}


@app.get("/healthz")
def healthz() -> dict[str, str]:
    """Answers when the service is up."""
    return {"status": "ok"}
