"""Takes orders: the order and its message are durable in one commit, then 202. No broker is needed for that.

Source: the post, fig. 2.
"""

from __future__ import annotations

from fastapi import FastAPI

from reference_services.caller_queue.outbox import Outbox
from reference_services.order import Order
from reference_services.settings import data_file

__all__ = ["app"]

app = FastAPI()
outbox = Outbox(data_file("orders.db"))


@app.post("/orders", status_code=202)
def place(order: Order) -> dict[str, str]:
    """Commits the order with its message and only then says so."""
    outbox.place(order)
    return {"id": order.id, "nonce": order.nonce}


@app.get("/healthz")
def healthz() -> dict[str, str]:
    """Answers when the service is up."""
    return {"status": "ok"}
