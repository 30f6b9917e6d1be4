"""The two functions as workflows: Fx = A, B, C, where B is the child workflow Fy = B1, B2, B3.

A workflow is replayed from its history, so it does nothing but ask for activities and children. It runs in a sandbox,
where modules are imported anew: this one imports as little as possible.

Source: the post, fig. 8
"""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import RetryPolicy

__all__ = ["TASK_S", "Fx", "Fy"]

STEP_S = float(os.environ.get("STEP_S", "10"))
"""Longest time of one attempt at a step. A worker that died is noticed when it has passed, and not before."""
RETRY_S = float(os.environ.get("RETRY_S", "1"))
"""Pause before a step is attempted again, without end and at an even pace."""
TASK_S = float(os.environ.get("TASK_S", "10"))
"""Longest time in which a worker has to take a workflow one step on."""


async def step(effect: str, order: dict[str, Any], **facts: Any) -> str:
    """The result of one effect, from the history where it is there."""
    pause = timedelta(seconds=RETRY_S)
    nonce: str = await workflow.execute_activity(
        "apply",
        args=[effect, order, facts],
        start_to_close_timeout=timedelta(seconds=STEP_S),
        retry_policy=RetryPolicy(initial_interval=pause, maximum_interval=pause, backoff_coefficient=1.0),
        result_type=str,
    )
    return nonce


@workflow.defn(name="Fx")
class Fx:
    """A, then Fy, then C, which uses the results of both."""

    @workflow.run
    async def run(self, order: dict[str, Any]) -> dict[str, str]:
        """The child has an id that follows from the order's; a replayed Fx finds it in its history."""
        a = await step("a", order)
        b: dict[str, str] = await workflow.execute_child_workflow(
            "Fy", order, id=f"Fy/{order['id']}", task_queue="Fy", task_timeout=timedelta(seconds=TASK_S)
        )
        c = await step("c", order, a=a, fy=b)
        return {"a": a, **b, "c": c}


@workflow.defn(name="Fy")
class Fy:
    """Three steps; each uses the result of the one before."""

    @workflow.run
    async def run(self, order: dict[str, Any]) -> dict[str, str]:
        """As the class."""
        b1 = await step("b1", order)
        b2 = await step("b2", order, b1=b1)
        b3 = await step("b3", order, b2=b2)
        return {"b1": b1, "b2": b2, "b3": b3}
