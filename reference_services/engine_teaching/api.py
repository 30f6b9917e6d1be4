"""Process `api`: takes orders and registers Fx for them; answers then, or when Fx is done.

Until the engine has committed the registration, whoever sent the order is responsible for it, and sends it again. The
invocation's id is the order's, so a repeat attaches to the Fx that is there.

Source: the post, fig. 8 and 9
"""

from __future__ import annotations

import time

from fastapi import FastAPI, Response

from reference_services.engine_teaching.worker import POLL_S, EngineLost, register
from reference_services.order import Order
from reference_services.settings import seconds

__all__ = ["app"]

WAIT_S = seconds("WAIT_S", 0.0)
"""How long an answer waits for the result of Fx; 0: only for the registration."""

app = FastAPI()


@app.post("/orders")
def place_order(order: Order, response: Response) -> dict[str, object]:
    """202: Fx is registered; where the result is waited for, 200: it is done. 503, 504: nobody knows, or not yet."""
    deadline_s = time.monotonic() + WAIT_S
    try:
        answer = register(f"Fx/{order.id}", "Fx", order.model_dump())
        while not answer["done"] and time.monotonic() < deadline_s:
            time.sleep(POLL_S)
            answer = register(f"Fx/{order.id}", "Fx", order.model_dump())
        response.status_code = 202 if not WAIT_S else 200 if answer["done"] else 504
    except EngineLost:
        response.status_code, answer = 503, {}
    return {"id": order.id, "nonce": order.nonce, **answer}


@app.get("/healthz")
def healthz() -> dict[str, str]:
    """Answers as soon as orders can be taken."""
    return {"status": "ok"}
