"""Takes orders: written down first, then 202; a thread charges the partner until it has an answer.

The standard library alone. Read `accept` and `work_once`; everything else is HTTP.
"""

import json
import os
import sqlite3
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PORT = int(os.environ["PORT"])
DATABASE = os.path.join(os.environ["DATA_DIR"], "inbox.db")
PAYMENTS_URL = os.environ["PAYMENTS_URL"]
POLL_S = 0.02
PARTNER_TIMEOUT_S = 0.3


def connect() -> sqlite3.Connection:
    """A connection whose commits survive more than a kill."""
    db = sqlite3.connect(DATABASE, timeout=5, isolation_level=None)
    db.execute("pragma journal_mode = wal")
    db.execute("pragma synchronous = full")
    db.execute("create table if not exists inbox (id text primary key, body text, done integer default 0)")
    return db


def accept(body: bytes) -> None:
    """Makes the order durable. The same id again changes nothing: the caller has missed our answer."""
    db = connect()
    db.execute("insert or ignore into inbox (id, body) values (?, ?)", (json.loads(body)["id"], body.decode()))
    db.close()


def work_once(db: sqlite3.Connection) -> None:
    """Charges every order that is not done, under the order's own key, and then marks it."""
    for order, body in db.execute("select id, body from inbox where done = 0").fetchall():
        headers = {"Content-Type": "application/json", "Idempotency-Key": order}
        call = urllib.request.Request(PAYMENTS_URL + "/charge", body.encode(), headers)
        try:
            urllib.request.urlopen(call, timeout=PARTNER_TIMEOUT_S).read()
        except OSError:
            continue  # still in the inbox; the next round tries again
        db.execute("update inbox set done = 1 where id = ?", (order,))


def work_for_ever() -> None:
    """The trigger's driver: looks at the inbox from the start on, so it finds what an earlier life has left."""
    db = connect()
    while True:
        work_once(db)
        time.sleep(POLL_S)


class Service(BaseHTTPRequestHandler):
    """`POST /orders` and `GET /healthz`."""

    def do_POST(self) -> None:
        accept(self.rfile.read(int(self.headers["Content-Length"])))
        self.answer(202)

    def do_GET(self) -> None:
        self.answer(200)

    def answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()


if __name__ == "__main__":
    threading.Thread(target=work_for_ever, daemon=True).start()
    ThreadingHTTPServer(("127.0.0.1", PORT), Service).serve_forever()
