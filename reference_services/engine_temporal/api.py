"""Process `api`: takes orders and has the engine start Fx for them.

Until the engine has answered, whoever sent the order is responsible for it, and sends it again. The workflow's id is
the order's, so a repeat finds the workflow that is there, also when it is done.

Source: the post, fig. 8
"""

from __future__ import annotations

import os
from datetime import timedelta

from fastapi import FastAPI, Response
from temporalio.client import Client
from temporalio.common import WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError

from reference_services.engine_temporal.workflows import TASK_S
from reference_services.order import Order
from reference_services.settings import seconds

__all__ = ["app"]

ANSWER = timedelta(seconds=seconds("ENGINE_TIMEOUT_S", 5.0))

app = FastAPI()


@app.post("/orders", status_code=202)
async def place_order(order: Order, response: Response) -> dict[str, str]:
    """202: the engine has Fx. 503: nobody knows."""
    try:
        client = await Client.connect(os.environ["ENGINE"], lazy=True)
        await client.start_workflow(
            "Fx",
            order.model_dump(),
            id=f"Fx/{order.id}",
            task_queue="Fx",
            id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
            task_timeout=timedelta(seconds=TASK_S),
            rpc_timeout=ANSWER,
        )
    except WorkflowAlreadyStartedError:
        pass
    except (RPCError, RuntimeError) as error:
        response.status_code = 503
        return {"id": order.id, "error": repr(error)}
    return {"id": order.id, "nonce": order.nonce}


@app.get("/healthz")
def healthz() -> dict[str, str]:
    """Answers as soon as orders can be taken."""
    return {"status": "ok"}
