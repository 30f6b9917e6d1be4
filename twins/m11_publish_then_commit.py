"""FLAW: a message is published before what it tells has happened; a failure in between leaves a ghost (P4; kill).

With a human who clicks again the ghost becomes an order after all, so here nobody does.
"""

from __future__ import annotations

import asyncio

from fastapi import FastAPI

from reference_services.caller_queue import orders
from reference_services.order import Order
from reference_services.peer import CallFailed, bad_gateway
from twins.publishing import publish_now
from twins.reserving import stock

__all__ = ["app"]

app = FastAPI()
app.add_exception_handler(CallFailed, bad_gateway)
app.add_api_route("/healthz", orders.healthz)


@app.post("/orders", status_code=202)
def place(order: Order) -> dict[str, str]:
    """Tells the others, and reserves when they know."""
    asyncio.run(publish_now(order))
    stock.call("/reserve", order)
    orders.outbox.place(order)
    orders.outbox.mark_sent(order)
    return {"id": order.id, "nonce": order.nonce}
