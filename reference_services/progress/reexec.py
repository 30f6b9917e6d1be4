"""Idempotent re-execution: a second attempt takes every step again, and each partner finds that it has done it before.

Nothing is remembered here. The price is paid by the partners, who are asked again, and have to know the key for as long
as an attempt may come.

Source: the post, on progressable work.
"""

from __future__ import annotations

import os

from reference_services.callee_inbox.inbox import Inbox
from reference_services.callee_inbox.worker import empty
from reference_services.order import Order
from reference_services.peer import Peer
from reference_services.settings import data_file, seconds

__all__ = ["main"]

partner = Peer(os.environ["PARTNER_URL"], seconds("PARTNER_TIMEOUT_S", 5.0))


def main() -> None:
    """Works for ever."""
    empty(Inbox(data_file("inbox.db")), work)


def work(order: Order) -> None:
    """The three steps, as often as the order is driven."""
    partner.call("/reserve", order)
    partner.call("/charge", order)
    partner.call("/ship", order)
