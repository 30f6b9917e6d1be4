"""Charges and refunds when told to. Has no trigger and needs none: who told it waits, and tells it again.

Source: the post, fig. 9.
"""

from __future__ import annotations

import os
from typing import Any

from fastapi import FastAPI

from reference_services.order import Order
from reference_services.peer import CallFailed, Peer, bad_gateway
from reference_services.settings import seconds

__all__ = ["app"]

app = FastAPI()
app.add_exception_handler(CallFailed, bad_gateway)
cards = Peer(os.environ["CARDS_URL"], seconds("PARTNER_TIMEOUT_S", 5.0))


@app.post("/payments")
def charge(order: Order) -> dict[str, Any]:
    """Charges the card under the order's key; a repeat gets the first answer."""
    return cards.call("/charge", order)


@app.post("/refunds")
def refund(order: Order) -> dict[str, Any]:
    """Gives the money back, under the same key."""
    return cards.call("/refund", order)


@app.get("/healthz")
def healthz() -> dict[str, str]:
    """Answers when the service is up."""
    return {"status": "ok"}
