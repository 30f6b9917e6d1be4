"""FLAW: the order is committed, then its message published, and a failed publish is only reported (P18, P1b).

The broker is away for a moment, or the process dies between the two: blackhole request orders->broker @deliver. There
is no row that says that a message is owed.
"""

from __future__ import annotations

import asyncio

from fastapi import FastAPI

from reference_services.caller_queue import orders
from reference_services.order import Order
from reference_services.settings import report
from twins.publishing import publish_now

__all__ = ["app"]

app = FastAPI()
app.add_api_route("/healthz", orders.healthz)


@app.post("/orders", status_code=202)
def place(order: Order) -> dict[str, str]:
    """Commits the order, and tries to tell the others."""
    orders.outbox.place(order)
    orders.outbox.mark_sent(order)  # no relay is needed any more
    try:
        asyncio.run(publish_now(order))
    except Exception as error:
        report(error)
    return {"id": order.id, "nonce": order.nonce}
