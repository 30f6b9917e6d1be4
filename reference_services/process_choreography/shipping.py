"""Ships what was paid. A refusal of the carrier is final, and an event; anything else is unknown, and tried again.

Source: the post, fig. 6.
"""

from __future__ import annotations

import asyncio
import os

from reference_services.order import Order
from reference_services.peer import Peer, Rejected
from reference_services.process.events import Events
from reference_services.settings import data_file, seconds

__all__ = ["main"]

carrier = Peer(os.environ["CARRIER_URL"], seconds("PARTNER_TIMEOUT_S", 5.0))


def main() -> None:
    """Works for ever."""
    asyncio.run(Events(data_file("shipping.db")).run({"paid": ship}))


def ship(order: Order) -> str:
    """Hands the goods to the carrier. Only a refusal may be told as one: unknown is not failure."""
    try:
        carrier.call("/ship", order)
    except Rejected:
        return "unshippable"
    return ""
