"""A whole service in one file, as somebody might bring it: standard library only, and right unless told otherwise.

POST /orders stores the order, charges the world under a key of its own, books it, and answers 200. The environment
variable MISTAKE names one thing that it then does wrong.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import sys
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

MISTAKE = os.environ.get("MISTAKE", "")
DATABASE = Path(os.environ.get("DATA_DIR", ".")) / "app.db"
WORLD = os.environ.get("WORLD_URL", "")


def connect() -> sqlite3.Connection:
    """The service's own store."""
    return sqlite3.connect(DATABASE, timeout=5)


def charge(work: str) -> None:
    """The call to the partner."""
    headers = {"Content-Type": "application/json", "X-Work-Id": work, "Idempotency-Key": f"{work}/charge"}
    if MISTAKE == "no work id":
        del headers["X-Work-Id"]
    if MISTAKE in ("charges twice", "no key"):
        del headers["Idempotency-Key"]
    path = "pay" if MISTAKE == "other endpoint" else "charge"
    request = urllib.request.Request(f"{WORLD}/{path}", data=b"{}", headers=headers, method="POST")
    with urllib.request.urlopen(request, timeout=2) as answer:
        answer.read()


def look_around() -> None:
    """A call that nobody minds the failure of."""
    with contextlib.suppress(OSError):
        urllib.request.urlopen(os.environ["OTHER_URL"] + "/healthz", timeout=2).read()


def do(work: str) -> None:
    """One piece of work, from the beginning or again."""
    if "OTHER_URL" in os.environ:
        look_around()
    if MISTAKE != "no call":
        charge(work)
    if MISTAKE == "charges twice":
        charge(work)
    with connect() as store:
        store.execute("insert or ignore into booked values (?)", (work,))


class Handler(BaseHTTPRequestHandler):
    """POST /orders and GET /healthz."""

    def do_GET(self) -> None:
        """Health."""
        self.answer(404 if MISTAKE == "no health" else 200)

    def do_POST(self) -> None:
        """Takes an order."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])) or b"{}")
        if self.path != "/orders" or MISTAKE == "not found":
            return self.answer(404)
        if MISTAKE == "wants more":
            return self.answer(422)
        if MISTAKE == "crashes":
            return self.answer(500)
        if MISTAKE == "never answers":
            import time

            time.sleep(60)
        try:
            do(str(body["id"]))
        except (urllib.error.URLError, OSError):
            return self.answer(503, os.environ.get("DB_PASSWORD", "the partner did not answer"))
        return self.answer(201 if MISTAKE == "other status" else 200)

    def answer(self, status: int, text: str = "{}") -> None:
        """A short answer."""
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: object) -> None:
        """Nothing."""


def main() -> None:
    """Serves for ever, or does what the mistake says instead."""
    if MISTAKE == "exits":
        print("DATABASE_URL is not set")
        sys.exit(3)
    if MISTAKE == "leaks":
        print(f"connecting with {os.environ['DB_PASSWORD']}")
        sys.exit(3)
    if MISTAKE == "into the background":
        sys.exit(0)
    with connect() as store:
        store.execute("create table if not exists booked (work primary key)")
    port = 0 if MISTAKE == "own port" else int(os.environ["PORT"])
    ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()


if __name__ == "__main__":
    main()
