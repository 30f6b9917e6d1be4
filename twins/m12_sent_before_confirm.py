"""FLAW: the relay marks a message as sent before the broker has confirmed it (P1b; blackhole request relay->broker)."""

from __future__ import annotations

from nats.js import JetStreamContext

from reference_services.caller_queue import relay
from reference_services.caller_queue.outbox import Outbox
from reference_services.caller_queue.relay import main
from reference_services.order import Order
from reference_services.settings import data_file

__all__ = ["main"]

outbox = Outbox(data_file("orders.db"))
confirmed = relay.publish


async def publish(queue: JetStreamContext, order: Order) -> None:
    """Marks first: the confirm is a formality."""
    outbox.mark_sent(order)
    await confirmed(queue, order)


relay.publish = publish
