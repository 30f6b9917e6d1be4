"""FLAW: a message is written to the connection, and no confirm is waited for (P1b; blackhole request relay->broker)."""

from __future__ import annotations

from nats.js import JetStreamContext

from reference_services.caller_queue import relay
from reference_services.caller_queue.broker import SUBJECT
from reference_services.caller_queue.relay import main
from reference_services.order import Order

__all__ = ["main"]


async def publish(queue: JetStreamContext, order: Order) -> None:
    """Sends the message on its way."""
    headers = {"Nats-Msg-Id": order.id, "X-Work-Id": order.id}
    await queue._nc.publish(SUBJECT, order.model_dump_json().encode(), headers=headers)


relay.publish = publish
