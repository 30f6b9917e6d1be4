"""Payments that gives up a message after many attempts, and puts it where somebody looks. No flaw: see C7 and M21."""

from __future__ import annotations

import asyncio

from nats.aio.msg import Msg

from reference_services.account import ACCOUNT
from reference_services.caller_queue import payments
from reference_services.caller_queue.broker import ANSWER_S, backoff_s
from reference_services.caller_queue.payments import main
from reference_services.order import Order
from reference_services.peer import CallFailed
from reference_services.settings import data_file, report
from reference_services.store import Store

__all__ = ["ATTEMPTS", "main"]

ATTEMPTS = 12
"""More than any outage lasts: only what fails for good uses them up."""
PARKED = "create table if not exists parked (work text primary key);"


async def handle(message: Msg) -> None:
    """Pays, then acknowledges; parks what has failed too often, and lets go of it when that is durable."""
    order = Order.model_validate_json(message.data)
    try:
        await asyncio.to_thread(payments.pay, order)
    except CallFailed as error:
        report(error)
        if message.metadata.num_delivered < ATTEMPTS:
            await message.nak(delay=backoff_s(message.metadata.num_delivered))
            return
        with payments.store.transaction() as db:
            db.execute("insert or ignore into parked values (?)", (order.id,))
    await message.ack_sync(timeout=ANSWER_S)


payments.store = Store(data_file("payments.db"), ACCOUNT + PARKED)
payments.handle = handle
