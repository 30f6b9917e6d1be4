"""Process `s`: a plain service with one effect and no trigger of its own; its caller's owner answers for it.

Source: the post, fig. 9
"""

from __future__ import annotations

from fastapi import FastAPI

from reference_services.effects import apply
from reference_services.order import Order
from reference_services.peer import CallFailed, bad_gateway

__all__ = ["app"]

app = FastAPI()
app.add_exception_handler(CallFailed, bad_gateway)


@app.post("/s")
def serve(order: Order) -> dict[str, str]:
    """Does its effect, under the order's key."""
    return {"s": apply("s", order.model_dump())}


@app.get("/healthz")
def healthz() -> dict[str, str]:
    """Answers as soon as it can be called."""
    return {"status": "ok"}
