"""What both processes ask of the engine: join it, and run an effect as a step.

Rules:
- A workflow is registered before anybody works on it, under an id that the caller knows (the register ack is the set).
- A step's result is durable before the next step starts; a re-driven workflow is served the results that are there.
- The step that was running when the process died runs again, so every effect carries a key that stays the same.
- Nothing here gives up: a workflow that ends in an error is over, and no trigger would ever re-drive it.

Left out: cancelling, deadlines, upgrading workflows that are in flight, more than one executor per name.

Source: the post, fig. 8 and 9
"""

from __future__ import annotations

import os
import sys
from typing import Any

from dbos import DBOS, DBOSClient, StepOptions

from reference_services.order import Order
from reference_services.peer import Peer
from reference_services.settings import seconds

__all__ = ["POLL_S", "OrderData", "join_engine", "step"]

POLL_S = seconds("POLL_S", 1.0)
"""How often a queue is asked for work, and a child for its result."""
RETRY_S = seconds("RETRY_S", 1.0)
"""Pause before an effect is tried again in place."""

OrderData = dict[str, Any]
"""An order as the engine stores it, and hands it to a process that may run other code: plain data, no class."""

world = Peer(os.environ["WORLD_URL"], seconds("PARTNER_TIMEOUT_S", 5.0))


class StepData(Order, extra="allow"):
    """What an effect is asked for with: the order, and the results of earlier steps that it depends on."""


def join_engine(application: str, queue: str) -> None:
    """Makes this process an executor: recovers what a predecessor left, and starts to take work from `queue`.

    The executor id and the version are pinned, not generated: recovery looks for unfinished workflows of exactly this
    executor and this version, so whoever starts under another name or version leaves them lying. For the same reason
    two processes at once must not share a name.

    Args:
        application: name of the application, of the executor and, with a suffix, of the version; one process each.
        queue: the queue that this application alone polls.
    """
    url = os.environ["DBOS_SYSTEM_DATABASE_URL"]
    DBOS(
        config={
            "name": application,
            "system_database_url": url,
            "executor_id": application,
            "application_version": f"{application}-1",
            "log_level": "WARNING",
        }
    )
    # A queue of its own, though a workflow can be started without: an interrupted workflow goes back to the queue that
    # it came from, and those that came from none share one that is polled once a second. Registered before the launch,
    # for a queue that appears later is noticed up to a second later. Only the application that registers it polls it.
    DBOS.migrate(url)
    client = DBOSClient(system_database_url=url, application_name=application)
    client.register_queue(queue, polling_interval_sec=POLL_S)
    client.destroy()
    DBOS.launch()


def step(effect: str, order: OrderData, **facts: Any) -> str:
    """Runs one effect as a step of the current workflow.

    Args:
        effect: name of the step and of the effect.
        order: the order that the workflow works on.
        facts: results of earlier steps that the effect depends on.

    Returns:
        The nonce of the effect, at every re-execution the one that was journaled.
    """
    # Tried without end, at an even pace: a step that gives up ends its workflow in an error.
    options: StepOptions = {
        "name": effect,
        "retries_allowed": True,
        "max_attempts": sys.maxsize,
        "interval_seconds": RETRY_S,
        "backoff_rate": 1.0,
    }
    return DBOS.run_step(options, apply, effect, order, facts)


def apply(effect: str, order: OrderData, facts: dict[str, Any]) -> str:
    """Asks the world for an effect. The key is the order's, so that a second attempt gets the first answer."""
    nonce: str = world.call(f"/{effect}", StepData(**order, **facts))["nonce"]
    return nonce
