"""What twins need that publish from a request: one message on a connection of its own, with the broker's confirm."""

from __future__ import annotations

import os

from reference_services.caller_queue.broker import connected, make_queue
from reference_services.caller_queue.relay import publish
from reference_services.order import Order

__all__ = ["publish_now"]


async def publish_now(order: Order) -> None:
    """Returns when the broker has the message; raises when that is not known."""
    async with connected(os.environ["NATS_URL"]) as queue:
        await make_queue(queue)
        await publish(queue, order)
