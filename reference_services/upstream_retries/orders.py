"""Reserves the stock, then calls payments, each up to `TRIES` times, and confirms when both have answered.

The loop repeats the one call that failed and nothing before it. What it cannot outlive is its own process: then only
the owner of this invocation is left, if there is one.

Source: the post, fig. 4.
"""

from __future__ import annotations

import os
import time
from typing import Any

from fastapi import FastAPI

from reference_services.order import Order
from reference_services.peer import CallFailed, Peer, bad_gateway
from reference_services.settings import seconds

__all__ = ["app"]

TRIES = int(os.environ.get("TRIES", "3"))
PAUSE_S = seconds("RETRY_S", 0.5)

app = FastAPI()
app.add_exception_handler(CallFailed, bad_gateway)
stock = Peer(os.environ["STOCK_URL"], seconds("PARTNER_TIMEOUT_S", 2.0))
payments = Peer(os.environ["PAYMENTS_URL"], seconds("CHILD_TIMEOUT_S", 5.0))


@app.post("/orders")
def place(order: Order) -> dict[str, str]:
    """Two steps under the order's own key, so that both may be repeats; a 200 means that all is done."""
    reserved = insist(stock, "/reserve", order)
    paid = insist(payments, "/charge", order)
    return {"id": order.id, "nonce": order.nonce, "reserved": reserved["nonce"], "charged": paid["charged"]}


def insist(peer: Peer, path: str, order: Order) -> dict[str, Any]:
    """Calls up to `TRIES` times. The last failure is passed on: what it meant is not known here either."""
    for _ in range(TRIES - 1):
        try:
            return peer.call(path, order)
        except CallFailed:
            time.sleep(PAUSE_S)
    return peer.call(path, order)


@app.get("/healthz")
def healthz() -> dict[str, str]:
    """Answers when the service is up."""
    return {"status": "ok"}
