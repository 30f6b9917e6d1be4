"""Takes orders, runs the saga of reserving and charging, and hands the paid order over to shipping.

The saga ends with the hand-over: the event is set, then the row discharged, so a crash in between hands over again.
When shipping tells that it cannot ship, an event brings the order back, and everything that sales has done is undone.

Source: the post, "Responsibility boundaries vs Business process boundaries".
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from reference_services.order import Order
from reference_services.peer import Peer
from reference_services.process.events import Events
from reference_services.process.saga import SagaLog
from reference_services.settings import data_file, seconds

__all__ = ["app"]

log = SagaLog(data_file("sales.db"))
events = Events(data_file("sales.db"))
stock = Peer(os.environ["STOCK_URL"], seconds("PARTNER_TIMEOUT_S", 5.0))
payments = Peer(os.environ["PAYMENTS_URL"], seconds("CHILD_TIMEOUT_S", 10.0))


def sell(order: Order) -> None:
    """Reserve, charge, hand over. Between the last two lines a crash hands over again, which `record` knows."""
    log.step(order, "reserve", stock, "/reserve")
    log.step(order, "charge", payments, "/payments")
    events.record("sold", order, "paid")
    log.finish(order)


def undo(order: Order) -> str:
    """What cannot be shipped is refunded and cancelled; each call is safe to repeat."""
    payments.call("/refunds", order)
    stock.call("/cancel", order)
    return ""


threading.Thread(target=log.run, args=(sell,), daemon=True).start()


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    """The events run beside the requests."""
    running = asyncio.create_task(events.run({"unshippable": undo}))
    yield
    running.cancel()


app = FastAPI(lifespan=lifespan)


@app.post("/orders", status_code=202)
def place(order: Order) -> dict[str, str]:
    """Registers the order and only then says so."""
    log.register(order)
    return {"id": order.id, "nonce": order.nonce}


@app.get("/healthz")
def healthz() -> dict[str, str]:
    """Answers when the service is up."""
    return {"status": "ok"}
