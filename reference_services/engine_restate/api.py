"""Process `api`: takes orders and has the engine invoke Fx for them; answers then, or when Fx is done.

Until the engine has accepted the invocation, whoever sent the order is responsible for it, and sends it again. The
idempotency key is the order's id, so a repeat attaches to the invocation that is there.

Source: the post, fig. 8 and 9
"""

from __future__ import annotations

import os
import ssl
from typing import Any

import httpx
from fastapi import FastAPI, Response

from reference_services.order import Order
from reference_services.settings import seconds

__all__ = ["app"]

WAIT = os.environ.get("WAIT") == "yes"
"""Whether an answer waits for the result of Fx, or only for the registration."""

engine = httpx.Client(
    base_url=os.environ["ENGINE_URL"],
    timeout=seconds("ENGINE_TIMEOUT_S", 5.0),
    limits=httpx.Limits(max_keepalive_connections=0),
    trust_env=False,
    verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
)
app = FastAPI()


@app.post("/orders")
def place_order(order: Order, response: Response) -> dict[str, Any]:
    """202: Fx is registered; where the result is waited for, 200: it is done. 503: nobody knows."""
    path = "/Fx/run" if WAIT else "/Fx/run/send"
    try:
        answer = engine.post(path, json=order.model_dump(), headers={"Idempotency-Key": order.id}).raise_for_status()
    except httpx.HTTPError as error:
        response.status_code = 503
        return {"id": order.id, "error": repr(error)}
    response.status_code = 200 if WAIT else 202
    return {"id": order.id, "nonce": order.nonce, "answer": answer.json()}


@app.get("/healthz")
def healthz() -> dict[str, str]:
    """Answers as soon as orders can be taken."""
    return {"status": "ok"}
