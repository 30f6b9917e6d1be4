"""Takes orders: durable first, then 202. From the commit on the inbox is responsible, and the caller may forget.

Until he has seen the 202 the caller is still responsible too: he may send the same order again, and it is one order.

Source: the post, fig. 2.
"""

from __future__ import annotations

import psycopg
from fastapi import FastAPI

from reference_services.callee_inbox_postgres.inbox import Inboxes
from reference_services.order import Order
from reference_services.peer import bad_gateway

__all__ = ["app"]

app = FastAPI()
app.add_exception_handler(psycopg.Error, bad_gateway)
app.add_exception_handler(OSError, bad_gateway)  # a time limit is one, too
inboxes = Inboxes()


@app.post("/orders", status_code=202)
async def accept(order: Order) -> dict[str, str]:
    """Registers the order and only then says so."""
    async with inboxes.open() as inbox:
        await inbox.register(order)
    return {"id": order.id, "nonce": order.nonce}


@app.get("/healthz")
async def healthz() -> dict[str, str]:
    """Answers when the service is up."""
    return {"status": "ok"}
