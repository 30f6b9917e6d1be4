"""Moves messages from the outbox to the queue: publish, wait for the broker's confirm, only then mark as sent.

Killed between confirm and mark, it publishes again. The message id lets the broker drop a repeat that comes soon; the
consumer's dedupe record takes care of one that comes late.

Source: the post, fig. 2.
"""

from __future__ import annotations

import asyncio

from nats.js import JetStreamContext

from reference_services.caller_queue.broker import ANSWER_S, STREAM, SUBJECT, keep_running
from reference_services.caller_queue.outbox import Outbox
from reference_services.order import Order
from reference_services.settings import data_file, seconds

__all__ = ["main"]

POLL_S = seconds("POLL_S", 0.1)


def main() -> None:
    """Works for ever; looks for new messages every `POLL_S` seconds while there are none."""
    outbox = Outbox(data_file("orders.db"))

    async def relay(queue: JetStreamContext) -> None:
        while True:
            for order in outbox.unsent():
                await publish(queue, order)
                outbox.mark_sent(order)
            await asyncio.sleep(POLL_S)

    asyncio.run(keep_running(relay))


async def publish(queue: JetStreamContext, order: Order) -> None:
    """Returns when the broker has the message on disk; raises when that is not known."""
    headers = {"Nats-Msg-Id": order.id, "X-Work-Id": order.id}
    await queue.publish(SUBJECT, order.model_dump_json().encode(), timeout=ANSWER_S, stream=STREAM, headers=headers)
