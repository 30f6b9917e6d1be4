"""FLAW: a message that fails is put back at the head of the queue, without a limit (P13; poison payments->world)."""

from __future__ import annotations

import asyncio

from nats.aio.msg import Msg

from reference_services.caller_queue import payments
from reference_services.caller_queue.broker import ANSWER_S, BACKOFF_S
from reference_services.order import Order
from reference_services.peer import CallFailed
from reference_services.settings import report
from twins.parking import main

__all__ = ["main"]


async def handle(message: Msg) -> None:
    """Pays. What fails is the next one to be tried, and the others come after it."""
    while True:
        try:
            await asyncio.to_thread(payments.pay, Order.model_validate_json(message.data))
            break
        except CallFailed as error:
            report(error)
            await message.in_progress()
            await asyncio.sleep(BACKOFF_S)
    await message.ack_sync(timeout=ANSWER_S)


payments.handle = handle
