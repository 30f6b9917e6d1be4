"""Charges what was placed, refunds what cannot be shipped.

Source: the post, fig. 6.
"""

from __future__ import annotations

import asyncio
import os

from reference_services.order import Order
from reference_services.peer import Peer
from reference_services.process.events import Events
from reference_services.settings import data_file, seconds

__all__ = ["main"]

cards = Peer(os.environ["CARDS_URL"], seconds("PARTNER_TIMEOUT_S", 5.0))


def main() -> None:
    """Works for ever."""
    asyncio.run(Events(data_file("payments.db")).run({"placed": charge, "unshippable": refund}))


def charge(order: Order) -> str:
    """Charges the card under the order's key."""
    cards.call("/charge", order)
    return "paid"


def refund(order: Order) -> str:
    """Gives the money back, under the same key."""
    cards.call("/refund", order)
    return "refunded"
