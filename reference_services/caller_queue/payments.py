"""Takes orders from the queue: charge the card under the order's key, book it once, and only then acknowledge.

Until the acknowledgement has reached the broker the message is delivered again, so every step here may be a repeat: the
charge is deduped by the partner, the booking by its record in the same transaction. A message that is delivered to two
consumers at once, because one of them was paused, ends in one booking for the same reason.

Source: the post, fig. 2.
"""

from __future__ import annotations

import asyncio
import os

from nats.aio.msg import Msg

from reference_services.account import ACCOUNT, book_once
from reference_services.caller_queue.broker import ANSWER_S, backoff_s, consume, keep_running
from reference_services.order import Order
from reference_services.peer import CallFailed, Peer
from reference_services.settings import data_file, report, seconds
from reference_services.store import Store

__all__ = ["main"]

store = Store(data_file("payments.db"), ACCOUNT)
cards = Peer(os.environ["CARDS_URL"], seconds("PARTNER_TIMEOUT_S", 5.0))


def main() -> None:
    """Works for ever, one message at a time."""
    asyncio.run(keep_running(lambda queue: consume(queue, handle)))


async def handle(message: Msg) -> None:
    """Pays, then acknowledges and waits until the broker knows; on failure asks for the message again, later."""
    order = Order.model_validate_json(message.data)
    try:
        await asyncio.to_thread(pay, order)
    except CallFailed as error:
        report(error)
        await message.nak(delay=backoff_s(message.metadata.num_delivered))
    else:
        await message.ack_sync(timeout=ANSWER_S)


def pay(order: Order) -> None:
    """The work of one message, as often as it is delivered."""
    if store.read("select 1 from booked where work = ?", order.id):
        return  # delivered again after all was done: only the acknowledgement is missing
    cards.call("/charge", order)
    with store.transaction() as db:
        book_once(db, order)
