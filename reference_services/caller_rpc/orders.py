"""Takes orders: order and outbox row are one commit, then 202; a thread calls payments for each row until it answers.

Killed between the answer and the mark, it calls again, and payments, which knows the key, gives the same answer again.
A call that fails stays in the outbox and is made again in the next round, after the others. The rows outlive this
process, and the thread starts with it, so after a restart whatever was left is called again without being asked for.

Source: the post, fig. 2.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time

from fastapi import FastAPI

from reference_services.caller_queue.outbox import Outbox
from reference_services.order import Order
from reference_services.peer import CallFailed, Peer
from reference_services.settings import data_file, report, seconds

__all__ = ["app"]

POLL_S = seconds("POLL_S", 0.1)
RETRY_S = seconds("RETRY_S", 2.0)
"""The pause after a round in which a call failed."""

app = FastAPI()
outbox = Outbox(data_file("orders.db"))
payments = Peer(os.environ["PAYMENTS_URL"], seconds("CHILD_TIMEOUT_S", 5.0))


@app.post("/orders", status_code=202)
def place(order: Order) -> dict[str, str]:
    """Commits the order with the call that it needs and only then says so."""
    outbox.place(order)
    return {"id": order.id, "nonce": order.nonce}


def call_for_ever() -> None:
    """Looks for new rows every `POLL_S` seconds."""
    while True:
        time.sleep(POLL_S if call_each() else RETRY_S)


def call_each() -> bool:
    """One call for each row that is left, and the row's discharge if it is answered; False where something failed."""
    good = True
    for order in outbox.unsent():
        try:
            payments.call("/charge", order)
            outbox.mark_sent(order)
        except (CallFailed, sqlite3.OperationalError) as error:
            report(error)
            good = False
    return good


@app.get("/healthz")
def healthz() -> dict[str, str]:
    """Answers when the service is up."""
    return {"status": "ok"}


threading.Thread(target=call_for_ever, daemon=True).start()
