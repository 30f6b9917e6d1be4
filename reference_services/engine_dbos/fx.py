"""Process `fx`: takes orders, and runs the outer workflow Fx = A, B, C, where B is a call of Fy.

Fx waits for Fy, but does not own its work: Fy is registered with the engine under an id that follows from the order's,
so a re-executed Fx finds the Fy that it started and attaches to it.

Source: the post, fig. 8 and 9
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from dbos import DBOS, SetWorkflowID
from fastapi import FastAPI

from reference_services.engine_dbos.engine import POLL_S, OrderData, join_engine, step
from reference_services.order import Order

__all__ = ["app"]


@DBOS.workflow(name="Fx", max_recovery_attempts=None)
def fx(order: OrderData) -> dict[str, str]:
    """A, then Fy, then C. Every line either is a step, or computes the same from the same results."""
    a = step("a", order)
    b = call_fy(order)
    c = step("c", order, a=a, fy=b)
    return {"a": a, **b, "c": c}


def call_fy(order: OrderData) -> dict[str, str]:
    """Has Fy run in its own process and waits for its result; a re-executed Fx waits for the same Fy."""
    child = DBOS.enqueue_workflow_with_options(
        {
            "workflow_name": "Fy",
            "workflow_id": f"Fy/{order['id']}",
            "queue_name": "Fy",
            "application_name": "fy-service",
        },
        order,
    )
    result: dict[str, str] = child.get_result(polling_interval_sec=POLL_S)
    return result


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    """The engine is joined before the port opens. It needs no farewell: what matters is in its database."""
    await asyncio.to_thread(join_engine, "fx-service", "Fx")
    yield


app = FastAPI(lifespan=lifespan)


@app.post("/orders", status_code=202)
def place_order(order: Order) -> dict[str, str]:
    """Accepts an order once the engine has it. The same id again attaches to the workflow that is there."""
    with SetWorkflowID(f"Fx/{order.id}"):
        DBOS.enqueue_workflow("Fx", fx, order.model_dump())
    return {"id": order.id, "nonce": order.nonce}


@app.get("/healthz")
def healthz() -> dict[str, str]:
    """Answers as soon as orders can be taken."""
    return {"status": "ok"}
