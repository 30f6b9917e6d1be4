"""Empties the inbox: lock a row, charge the partner under the order's key, book and mark done, commit.

Wherever this process dies, the server rolls back and the row is free for the next one. A charge that was applied before
the crash is repeated under the same key, and the partner gives its first answer again. As many of these as you like may
run side by side: `skip locked` keeps them out of each other's way.

Source: the post, fig. 2.
"""

from __future__ import annotations

import asyncio
import os

import psycopg

from reference_services.callee_inbox_postgres.inbox import LEASE_S, Inbox, Inboxes, within
from reference_services.peer import CallFailed, Peer
from reference_services.settings import report, seconds

__all__ = ["main"]

POLL_S = seconds("POLL_S", 0.1)
RETRY_S = seconds("RETRY_S", 5.0)
RECONNECT_S = seconds("RECONNECT_S", 1.0)

payments = Peer(os.environ["PAYMENTS_URL"], seconds("PARTNER_TIMEOUT_S", 5.0))


def main() -> None:
    """Works for ever."""
    asyncio.run(keep_working())


async def keep_working() -> None:
    """One connection after the other; looks for new orders every `POLL_S` seconds while there are none."""
    inboxes = Inboxes()
    while True:
        try:
            async with inboxes.open() as inbox:
                while True:
                    if not await work_once(inbox):
                        await asyncio.sleep(POLL_S)
        except (psycopg.Error, OSError) as error:  # the row is safe where it is
            report(error)
        await asyncio.sleep(RECONNECT_S)


async def work_once(inbox: Inbox) -> bool:
    """One attempt at one order; False where there was none to try."""
    with within(inbox.db, LEASE_S):
        async with inbox.db.transaction():
            order = await inbox.claim()
            if order is None:
                return False
            try:
                await asyncio.to_thread(payments.call, "/charge", order)
            except CallFailed as error:
                report(error)
                await inbox.put_off(order, RETRY_S)
            else:
                await inbox.finish(order)
            return True
