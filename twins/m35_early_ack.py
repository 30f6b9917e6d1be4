"""FLAW: the ledger answers at once and enters afterwards (P1a, P1b; kill ledger @reply)."""

from __future__ import annotations

from fastapi import BackgroundTasks, FastAPI

from reference_services.order import Order
from reference_services.upstream_sync import ledger

__all__ = ["app"]

app = FastAPI()
app.add_api_route("/healthz", ledger.healthz)


@app.post("/entries")
def enter(order: Order, afterwards: BackgroundTasks) -> dict[str, str]:
    """Says yes, and goes to work."""
    afterwards.add_task(ledger.enter, order)
    return {"entered": ""}
