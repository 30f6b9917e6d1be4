"""Takes orders from the queue: reserves the stock, waits until payments has answered, and only then acknowledges.

The message is the root trigger of both services. Whatever fails below, the message is not acknowledged and comes again,
and both services are executed again under the order's key. Nothing here is stored: the queue remembers enough.

Source: the post, fig. 4.
"""

from __future__ import annotations

import asyncio
import os

from nats.aio.msg import Msg

from reference_services.caller_queue.broker import ANSWER_S, backoff_s, consume, keep_running
from reference_services.order import Order
from reference_services.peer import CallFailed, Peer
from reference_services.settings import report, seconds

__all__ = ["main"]

stock = Peer(os.environ["STOCK_URL"], seconds("PARTNER_TIMEOUT_S", 2.0))
payments = Peer(os.environ["PAYMENTS_URL"], seconds("CHILD_TIMEOUT_S", 5.0))


def main() -> None:
    """Works for ever, one message at a time."""
    asyncio.run(keep_running(lambda queue: consume(queue, handle)))


async def handle(message: Msg) -> None:
    """Works, then acknowledges and waits until the broker knows; on failure asks for the message again, later."""
    order = Order.model_validate_json(message.data)
    try:
        await asyncio.to_thread(place, order)
    except CallFailed as error:
        report(error)
        await message.nak(delay=backoff_s(message.metadata.num_delivered))
    else:
        await message.ack_sync(timeout=ANSWER_S)


def place(order: Order) -> None:
    """The work of one message, as often as it is delivered."""
    stock.call("/reserve", order)
    payments.call("/charge", order)
