"""FLAW: the 202 is sent before anything is durable; killed after it, the process takes the order with it (P1b).

It looks reliable: the work is tried until it succeeds, and SIGTERM waits for it. But what tries again lives in the
memory of the process that can die. The caller has been told to forget, so nobody is left who knows of the order.

Source: the post, between fig. 4 and fig. 5.
"""

from __future__ import annotations

import os
import time

from fastapi import BackgroundTasks, FastAPI

from reference_services.order import Order
from reference_services.peer import CallFailed, Peer
from reference_services.settings import report, seconds

__all__ = ["app"]

RETRY_S = seconds("RETRY_S", 1.0)

app = FastAPI()
payments = Peer(os.environ["PAYMENTS_URL"], seconds("PARTNER_TIMEOUT_S", 5.0))


@app.post("/orders", status_code=202)
def accept(order: Order, afterwards: BackgroundTasks) -> dict[str, str]:
    """Says yes, and means: if I live."""
    afterwards.add_task(charge, order)
    return {"id": order.id, "nonce": order.nonce}


def charge(order: Order) -> None:
    """Charges the partner, again and again until it works: a retry, not a trigger."""
    while True:
        try:
            payments.call("/charge", order)
            return
        except CallFailed as error:
            report(error)
            time.sleep(RETRY_S)


@app.get("/healthz")
def healthz() -> dict[str, str]:
    """Answers when the service is up."""
    return {"status": "ok"}
