"""What the workers ask of Temporal: workflow tasks and activities of one task queue, until the process is ended.

Source: the post, fig. 8
"""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

from temporalio import activity
from temporalio.client import Client
from temporalio.worker import Worker

from reference_services import effects
from reference_services.settings import report, seconds

__all__ = ["connected", "work"]

STICKY_S = seconds("STICKY_S", 10.0)
"""How long the engine waits for the worker that knows a workflow already, before it gives it to any other."""
AGAIN_S = 0.05


@activity.defn(name="apply")
def apply(effect: str, order: dict[str, Any], facts: dict[str, Any]) -> str:
    """One effect. It may be attempted again after it was applied, so it carries the order's key."""
    return effects.apply(effect, order, **facts)


async def connected() -> Client:
    """A connection to the engine; waits until there is one."""
    while True:
        try:
            return await Client.connect(os.environ["ENGINE"])
        except RuntimeError as error:
            report(error)
            await asyncio.sleep(AGAIN_S)


async def work(queue: str, workflow: type) -> None:
    """Works on the workflows of one queue and on their steps, for ever."""
    client = await connected()
    with ThreadPoolExecutor(8) as threads:
        worker = Worker(
            client,
            task_queue=queue,
            workflows=[workflow],
            activities=[apply],
            activity_executor=threads,
            sticky_queue_schedule_to_start_timeout=timedelta(seconds=STICKY_S),
        )
        await worker.run()
