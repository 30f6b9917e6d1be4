"""Takes orders with Flask: written down first, then 202; a thread charges the partner until it has an answer.

Responsibility begins with the commit in `take_order`, and ends with the mark in `work_once`.
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
        db.execute("insert or ignore into inbox (id, amount) values (?, ?)", row)
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


def work_once(db: sqlite3.Connection) -> None:
    """Does every order that is not done: first the charge, then the mark."""
    for order, amount in db.execute("select id, amount from inbox where done = 0").fetchall():
        try:
            charge(order, amount)
        except OSError as error:
            app.logger.warning("order %s stays in the inbox: %s", order, error)
            continue
        db.execute("update inbox set done = 1 where id = ?", (order,))


def work_for_ever() -> None:
    """Looks into the inbox from the start on, so it finds what an earlier life has left."""
    db = connect()
    while True:
        work_once(db)
        time.sleep(POLL_S)


if __name__ == "__main__":
    create_tables()
    threading.Thread(target=work_for_ever, daemon=True).start()
    app.run(host="127.0.0.1", port=PORT, threaded=True)
