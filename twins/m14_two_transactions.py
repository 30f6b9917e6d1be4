"""FLAW: the order and its outbox row are two transactions; who dies between owes a message (P18; kill orders @recv)."""

from __future__ import annotations

from fastapi import FastAPI

from reference_services.caller_queue import orders
from reference_services.order import Order
from reference_services.peer import CallFailed, bad_gateway
from twins.reserving import outbox, stock

__all__ = ["app"]

app = FastAPI()
app.add_exception_handler(CallFailed, bad_gateway)
app.add_api_route("/healthz", orders.healthz)


@app.post("/orders", status_code=202)
def place(order: Order) -> dict[str, str]:
    """Commits the order; and where it was new, reserves and commits the message."""
    with outbox._store.transaction() as db:
        new = db.execute("insert or ignore into orders values (?, ?)", (order.id, order.amount)).rowcount
    stock.call("/reserve", order)
    if new:
        with outbox._store.transaction() as db:
            db.execute("insert into outbox (id, body) values (?, ?)", (order.id, order.model_dump_json()))
    return {"id": order.id, "nonce": order.nonce}
