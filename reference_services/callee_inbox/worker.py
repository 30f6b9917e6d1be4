"""Empties the inbox: claim, charge the partner under the order's key, then book and mark done in one transaction.

Wherever this process dies, the row stays and is claimed again when its lease has run out. A charge that was applied
before the crash is repeated under the same key, and the partner gives its first answer again; the booking and the mark
are one commit, so there is nothing between them to die in. A partner that fails is tried again, later and later up to
`BACKOFF_MAX_S`, and never given up: nobody else remembers this order.

Source: the post, fig. 2.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable

from reference_services.callee_inbox.inbox import Inbox
from reference_services.order import Order
from reference_services.peer import CallFailed, Peer
from reference_services.settings import data_file, report, seconds

__all__ = ["empty", "main"]

POLL_S = seconds("POLL_S", 0.1)
LEASE_S = seconds("LEASE_S", 30.0)
BACKOFF_MAX_S = seconds("BACKOFF_MAX_S", 10.0)
PARTNER_TIMEOUT_S = seconds("PARTNER_TIMEOUT_S", 5.0)


def main() -> None:
    """Works for ever."""
    payments = Peer(os.environ["PAYMENTS_URL"], PARTNER_TIMEOUT_S)
    empty(Inbox(data_file("inbox.db")), lambda order: payments.call("/charge", order))


def empty(inbox: Inbox, work: Callable[[Order], object]) -> None:
    """Does the work of every order, for ever; looks for new ones every `POLL_S` seconds while there are none."""
    while True:
        try:
            found = work_once(inbox, work)
        except sqlite3.OperationalError as error:  # somebody holds the write lock: the row is safe where it is
            report(error)
            found = False
        if not found:
            time.sleep(POLL_S)


def work_once(inbox: Inbox, work: Callable[[Order], object]) -> bool:
    """One attempt at one order; False where there was none to try."""
    claim = inbox.claim(LEASE_S)
    if claim is None:
        return False
    try:
        work(claim.order)
    except CallFailed as error:
        report(error)
        inbox.release(claim, backoff_s(claim.token))
    else:
        inbox.finish(claim)
    return True


def backoff_s(attempt: int) -> float:
    """How long to leave an order alone after its attempt number `attempt` (from 1): doubling, bounded."""
    return min(BACKOFF_MAX_S, POLL_S * 2.0 ** min(attempt, 16))
