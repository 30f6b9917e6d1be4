"""No flaw: orders of the queue pattern that also reserve stock. An effect, then one commit of order and message.

The correct service beside M14 and M29, which need something between the two halves of a hand-off.
"""

from __future__ import annotations

import os

from fastapi import FastAPI

from reference_services.caller_queue import orders
from reference_services.order import Order
from reference_services.peer import CallFailed, Peer, bad_gateway
from reference_services.settings import seconds

__all__ = ["app", "outbox", "stock"]

app = FastAPI()
app.add_exception_handler(CallFailed, bad_gateway)
app.add_api_route("/healthz", orders.healthz)
outbox = orders.outbox
stock = Peer(os.environ["STOCK_URL"], seconds("PARTNER_TIMEOUT_S", 2.0))


@app.post("/orders", status_code=202)
def place(order: Order) -> dict[str, str]:
    """Reserves under the order's key, then commits order and message together."""
    stock.call("/reserve", order)
    outbox.place(order)
    return {"id": order.id, "nonce": order.nonce}
