"""Takes orders and runs the saga: reserve, charge, ship; where the carrier refuses, refund and cancel.

From the commit of the row on the saga is responsible for everything below, whoever does it. A service that dies is
called again; when this process dies, the next one goes on behind the last recorded step.

Source: the post, fig. 9.
"""

from __future__ import annotations

import os
import threading

from fastapi import FastAPI

from reference_services.order import Order
from reference_services.peer import Peer
from reference_services.process.saga import REJECTED, SagaLog
from reference_services.settings import data_file, seconds

__all__ = ["app"]

log = SagaLog(data_file("saga.db"))
stock = Peer(os.environ["STOCK_URL"], seconds("PARTNER_TIMEOUT_S", 5.0))
payments = Peer(os.environ["PAYMENTS_URL"], seconds("CHILD_TIMEOUT_S", 10.0))
shipping = Peer(os.environ["SHIPPING_URL"], seconds("CHILD_TIMEOUT_S", 10.0))


def fulfil(order: Order) -> None:
    """The whole process, readable from top to bottom. Every line is a step, served from the log when it is done."""
    log.step(order, "reserve", stock, "/reserve")
    log.step(order, "charge", payments, "/payments")
    if log.step(order, "ship", shipping, "/shipments") == REJECTED:
        log.step(order, "refund", payments, "/refunds")
        log.step(order, "cancel", stock, "/cancel")
    log.finish(order)


threading.Thread(target=log.run, args=(fulfil,), daemon=True).start()
app = FastAPI()


@app.post("/orders", status_code=202)
def place(order: Order) -> dict[str, str]:
    """Registers the order and only then says so."""
    log.register(order)
    return {"id": order.id, "nonce": order.nonce}


@app.get("/healthz")
def healthz() -> dict[str, str]:
    """Answers when the service is up."""
    return {"status": "ok"}
