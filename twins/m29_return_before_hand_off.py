"""FLAW: "already processed: return" stands before the hand-off (P18; kill orders @applied)."""

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
    """Reserves unless that was asked for before, then hands the order over."""
    answer = {"id": order.id, "nonce": order.nonce}
    with outbox._store.transaction() as db:
        db.execute("create table if not exists seen (id text primary key)")
        new = db.execute("insert or ignore into seen values (?)", (order.id,)).rowcount
    if not new:
        return answer  # already processed
    stock.call("/reserve", order)
    outbox.place(order)
    return answer
