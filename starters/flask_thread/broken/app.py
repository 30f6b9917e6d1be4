"""FLAW: each order is handed to a thread of its own, and nobody looks into the inbox again. [P1b]

The order is stored before the 202, and retried while the process lives; but a row that a killed process leaves behind
waits for ever. A graceful stop does not show it: there the threads are waited for.
"""

import json
import os
import sqlite3
import threading
import time
import urllib.request

from flask import Flask, request

DATABASE = os.path.join(os.environ.get("DATA_DIR", "."), "orders.db")
PAYMENTS_URL = os.environ.get("PAYMENTS_URL", "http://127.0.0.1:9000")
PORT = int(os.environ.get("PORT", "8000"))
POLL_S = 0.05
PARTNER_TIMEOUT_S = 0.3

app = Flask(__name__)


def connect() -> sqlite3.Connection:
    """A connection of this thread's own; each statement commits, and a commit survives a loss of power."""
    db = sqlite3.connect(DATABASE, timeout=5, isolation_level=None)
    db.execute("pragma synchronous = full")
    return db


def create_tables() -> None:
    """The inbox: an order is done, or it is somebody's duty."""
    with connect() as db:
        db.execute("pragma journal_mode = wal")
        db.execute("create table if not exists inbox (id text primary key, amount integer, done integer default 0)")


@app.post("/orders")
def take_order():
    """202 once the order is stored. The same id again changes nothing: the sender has missed our answer."""
    order = request.get_json()
    if not order.get("id"):
        return {"error": "an order needs an id"}, 400
    with connect() as db:
        row = (order["id"], order.get("amount", 0))
        inserted = db.execute("insert or ignore into inbox (id, amount) values (?, ?)", row)
    if inserted.rowcount:
        threading.Thread(target=work, args=row).start()
    return {"id": order["id"]}, 202


@app.get("/healthz")
def healthz():
    """Ready for work."""
    return {}


def charge(order: str, amount: int) -> None:
    """Charges the partner under the order's own key, so that he knows a repeat when he sees one."""
    body = json.dumps({"id": order, "amount": amount}).encode()
    headers = {"Content-Type": "application/json", "Idempotency-Key": order}
    call = urllib.request.Request(PAYMENTS_URL + "/charge", body, headers)
    urllib.request.urlopen(call, timeout=PARTNER_TIMEOUT_S).read()


def work(order: str, amount: int) -> None:
    """Tries until the partner has answered, then marks the order as done."""
    while True:
        try:
            charge(order, amount)
            break
        except OSError as error:
            app.logger.warning("order %s stays in the inbox: %s", order, error)
            time.sleep(POLL_S)
    with connect() as db:
        db.execute("update inbox set done = 1 where id = ?", (order,))


if __name__ == "__main__":
    create_tables()
    app.run(host="127.0.0.1", port=PORT, threaded=True)
