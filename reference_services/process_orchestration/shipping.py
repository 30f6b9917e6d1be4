"""Ships when told to. A refusal of the carrier is passed on as one, and anything else as unknown.

Source: the post, fig. 9.
"""

from __future__ import annotations

import os
from typing import Any

from fastapi import FastAPI

from reference_services.order import Order
from reference_services.peer import CallFailed, Peer, Rejected, bad_gateway, unprocessable
from reference_services.settings import seconds

__all__ = ["app"]

app = FastAPI()
app.add_exception_handler(CallFailed, bad_gateway)
app.add_exception_handler(Rejected, unprocessable)
carrier = Peer(os.environ["CARRIER_URL"], seconds("PARTNER_TIMEOUT_S", 5.0))


@app.post("/shipments")
def ship(order: Order) -> dict[str, Any]:
    """Hands the goods to the carrier under the order's key; a repeat gets the first answer."""
    return carrier.call("/ship", order)


@app.get("/healthz")
def healthz() -> dict[str, str]:
    """Answers when the service is up."""
    return {"status": "ok"}
