"""FLAW: a message whose work fails once is put aside for good (P1b, P13; refuse payments->world @recv)."""

from __future__ import annotations

import asyncio

from nats.aio.msg import Msg

from reference_services.caller_queue import payments
from reference_services.caller_queue.broker import ANSWER_S
from reference_services.caller_queue.payments import main
from reference_services.order import Order
from reference_services.peer import CallFailed

__all__ = ["main"]


async def handle(message: Msg) -> None:
    """Pays, or puts the message where nobody looks."""
    try:
        await asyncio.to_thread(payments.pay, Order.model_validate_json(message.data))
    except CallFailed:
        await message.term()
    else:
        await message.ack_sync(timeout=ANSWER_S)


payments.handle = handle
