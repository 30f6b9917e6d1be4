"""FLAW: a message is acknowledged before its work is done (P1b; kill payments @recv)."""

from __future__ import annotations

import asyncio

from nats.aio.msg import Msg

from reference_services.caller_queue import payments
from reference_services.caller_queue.broker import ANSWER_S
from reference_services.caller_queue.payments import main
from reference_services.order import Order

__all__ = ["main"]


async def handle(message: Msg) -> None:
    """Acknowledges, then pays."""
    await message.ack_sync(timeout=ANSWER_S)
    await asyncio.to_thread(payments.pay, Order.model_validate_json(message.data))


payments.handle = handle
