"""Takes orders: appended to the topic, then 202. It does not know who reads them, nor how many.

Source: the post, fig. 2.
"""

from __future__ import annotations

from fastapi import FastAPI

from reference_services.caller_topic.topic import Topic
from reference_services.order import Order
from reference_services.settings import data_file

__all__ = ["app"]

app = FastAPI()
topic = Topic(data_file("topic.db"))


@app.post("/orders", status_code=202)
def place(order: Order) -> dict[str, str]:
    """Appends the order and only then says so."""
    topic.append(order)
    return {"id": order.id, "nonce": order.nonce}


@app.get("/healthz")
def healthz() -> dict[str, str]:
    """Answers when the service is up."""
    return {"status": "ok"}
