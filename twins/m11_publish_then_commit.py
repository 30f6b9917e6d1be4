"""FLAW: the message is published, then the order committed; who fails between leaves a ghost (P4).

The confirm is lost, so the order is refused and forgotten, and the broker delivers it: blackhole reply orders->broker
@deliver. With a human who clicks again the ghost becomes an order after all, so here nobody does.
"""

from __future__ import annotations

import asyncio

from fastapi import FastAPI

from reference_services.caller_queue import orders
from reference_services.order import Order
from twins.publishing import publish_now

__all__ = ["app"]

app = FastAPI()
app.add_api_route("/healthz", orders.healthz)


@app.post("/orders", status_code=202)
def place(order: Order) -> dict[str, str]:
    """Tells the others, and commits the order when they know."""
    asyncio.run(publish_now(order))
    orders.outbox.place(order)
    orders.outbox.mark_sent(order)
    return {"id": order.id, "nonce": order.nonce}
