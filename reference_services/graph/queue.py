"""A durable queue that delivers: it keeps each message until its receiver has said that the work is done.

A message is the trigger: *set* when its row commits, which is what the sender's 202 means; *discharged* when the
receiver has answered well and the row is gone. In between it is delivered, and delivered again at once when the
receiver's connection breaks, for ever. Each receiving process has a queue of its own, worked off in order, one message
at a time, so that nobody waits for a stranger and a receiver is never in two minds.

The same message sent twice is two messages: it is the receiver who knows the key.

    POST /C/answers/E   goes to the process at C_URL, under the same path
    RECEIVERS="A C"     all whom it knows

Source: the post, figs. 5 to 7.
"""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

from fastapi import BackgroundTasks, FastAPI, HTTPException

from reference_services.graph.message import Message
from reference_services.peer import CallFailed, Peer
from reference_services.settings import data_file, report, seconds
from reference_services.store import Store

__all__ = ["app"]

SCHEMA = """
create table if not exists message (
    seq integer primary key,
    receiver text not null,
    path text not null,
    id text not null,
    body text not null
);
"""
POLL_S = seconds("POLL_S", 0.1)
BACKOFF_S = seconds("BACKOFF_S", 0.01)
BACKOFF_MAX_S = seconds("BACKOFF_MAX_S", 5.0)


class Queue:
    """Messages in one SQLite file."""

    def __init__(self, path: Path) -> None:
        self._store = Store(path, SCHEMA)

    def put(self, receiver: str, path: str, message: Message) -> None:
        """Makes the message durable."""
        with self._store.transaction() as db:
            db.execute(
                "insert into message (receiver, path, id, body) values (?, ?, ?, ?)",
                (receiver, path, message.id, message.model_dump_json()),
            )

    def first(self, receiver: str) -> tuple[int, str, Message] | None:
        """The oldest message for this receiver: its number, path and content."""
        rows = self._store.read("select seq, path, body from message where receiver = ? order by seq limit 1", receiver)
        return next(((seq, path, Message.model_validate_json(body)) for seq, path, body in rows), None)

    def discharge(self, seq: int) -> None:
        """Forgets a message whose work is done."""
        with self._store.transaction() as db:
            db.execute("delete from message where seq = ?", (seq,))


app = FastAPI()
queue = Queue(data_file("queue.db"))
news = {receiver: threading.Event() for receiver in os.environ["RECEIVERS"].split()}


@app.get("/healthz")
def healthz() -> dict[str, str]:
    """Answers when the service is up."""
    return {"status": "ok"}


@app.post("/{path:path}", status_code=202)
def send(path: str, message: Message, later: BackgroundTasks) -> dict[str, str]:
    """Takes a message, and says so when it is durable. It is delivered when that has been said."""
    receiver = path.partition("/")[0]
    if receiver not in news:
        raise HTTPException(404, f"no receiver {receiver!r}")
    queue.put(receiver, f"/{path}", message)
    later.add_task(news[receiver].set)
    return {"id": message.id}


def deliver_to(receiver: str) -> None:
    """Works off one receiver's messages for ever. The event only saves time: a poll finds what it has missed."""
    peer = Peer(os.environ[f"{receiver}_URL"], seconds("PUSH_TIMEOUT_S", 30.0))
    while True:
        news[receiver].clear()
        while found := queue.first(receiver):
            seq, path, message = found
            deliver(peer, path, message)
            queue.discharge(seq)
        news[receiver].wait(POLL_S)


def deliver(peer: Peer, path: str, message: Message) -> None:
    """Returns when the receiver has done the work, however often it has to be asked."""
    backoff_s = BACKOFF_S
    while True:
        try:
            peer.call(path, message)
            return
        except CallFailed as error:
            report(error)
            time.sleep(backoff_s)
            backoff_s = min(2 * backoff_s, BACKOFF_MAX_S)


for receiver in news:
    threading.Thread(target=deliver_to, args=[receiver], daemon=True).start()
