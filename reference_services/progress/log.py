"""A durable log of steps: a second attempt is served what is done, and goes on with the step that is not.

A step's result is committed before the next one begins. Between a step that was applied and its record there is a gap
that nobody can close, so this one step may be taken twice, and it needs a key as well. All others are taken once.

Source: the post, on progressable work.
"""

from __future__ import annotations

import os

from reference_services.callee_inbox.inbox import Inbox
from reference_services.callee_inbox.worker import empty
from reference_services.order import Order
from reference_services.peer import Peer
from reference_services.settings import data_file, seconds
from reference_services.store import Store

__all__ = ["main"]

SCHEMA = "create table if not exists steps (work text, step text, result text not null, primary key (work, step));"

log = Store(data_file("steps.db"), SCHEMA)
partner = Peer(os.environ["PARTNER_URL"], seconds("PARTNER_TIMEOUT_S", 5.0))


def main() -> None:
    """Works for ever."""
    empty(Inbox(data_file("inbox.db")), work)


def work(order: Order) -> None:
    """The three steps, each once, but for the one that was in doubt."""
    step(order, "reserve")
    step(order, "charge")
    step(order, "ship")


def step(order: Order, name: str) -> str:
    """The result of a step: from the log, or else by taking it."""
    query = "select result from steps where work = ? and step = ?"
    if not (rows := log.read(query, order.id, name)):
        result = partner.call(f"/{name}", order)["nonce"]
        with log.transaction() as db:  # whoever was overtaken meanwhile keeps the first result, too
            db.execute("insert or ignore into steps values (?, ?, ?)", (order.id, name, result))
            rows = db.execute(query, (order.id, name)).fetchall()
    return str(rows[0][0])
