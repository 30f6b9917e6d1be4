"""Takes orders: reserves the stock, commits order and event together, then 202. Cancels when a refund has been made.

Source: the post, fig. 6.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from reference_services.order import Order
from reference_services.peer import CallFailed, Peer, bad_gateway
from reference_services.process.events import Events
from reference_services.settings import data_file, seconds

__all__ = ["app"]

events = Events(data_file("orders.db"))
stock = Peer(os.environ["STOCK_URL"], seconds("PARTNER_TIMEOUT_S", 5.0))


def cancel(order: Order) -> str:
    """The money is back: gives the stock back as well. The order ends here."""
    stock.call("/cancel", order)
    return ""


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    """The events run beside the requests."""
    running = asyncio.create_task(events.run({"refunded": cancel}))
    yield
    running.cancel()


app = FastAPI(lifespan=lifespan)
app.add_exception_handler(CallFailed, bad_gateway)


@app.post("/orders", status_code=202)
def place(order: Order) -> dict[str, str]:
    """Until the commit the customer is responsible, who has no answer yet and sends the order again."""
    if not events.has_handled("submitted", order):
        stock.call("/reserve", order)
        events.record("submitted", order, "placed")
    return {"id": order.id, "nonce": order.nonce}


@app.get("/healthz")
def healthz() -> dict[str, str]:
    """Answers when the service is up."""
    return {"status": "ok"}
