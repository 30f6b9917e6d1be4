"""A group that pays: charges the card under the order's key and books it once.

The account is its own and the position the topic's, so they cannot be one commit: an order that was booked may come
again. The dedupe record in the transaction of the booking takes care of that.

Source: the post, fig. 2.
"""

from __future__ import annotations

import os

from reference_services.account import ACCOUNT, book_once
from reference_services.caller_topic.reader import follow
from reference_services.caller_topic.topic import Topic
from reference_services.order import Order
from reference_services.peer import Peer
from reference_services.settings import data_file, file_of, seconds
from reference_services.store import Store

__all__ = ["main"]

store = Store(data_file("payments.db"), ACCOUNT)
cards = Peer(os.environ["CARDS_URL"], seconds("PARTNER_TIMEOUT_S", 5.0))


def main() -> None:
    """Works for ever."""
    follow(Topic(file_of("TOPIC_DIR", "topic.db")), "payments", pay)


def pay(order: Order) -> None:
    """The work of one order, as often as it comes."""
    cards.call("/charge", order)
    with store.transaction() as db:
        book_once(db, order)
