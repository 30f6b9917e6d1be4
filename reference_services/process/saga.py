"""The durable log of a saga: which orders are under way, and which of their steps are done, with what result.

A row of `saga` is the trigger: *set* when `register` commits, *discharged* when `finish` does. Whoever runs the log
goes through the open rows again and again; a step whose result is there is served from it. One process runs a log, so a
row needs no lease: when the process is dead nobody works on it, and the one that is started next finds it.

Source: the post, "Responsibility boundaries vs Business process boundaries".
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

from reference_services.order import Order
from reference_services.peer import CallFailed, Peer, Rejected
from reference_services.settings import report, seconds
from reference_services.store import Store

__all__ = ["REJECTED", "SagaLog"]

POLL_S = seconds("POLL_S", 0.1)
RETRY_S = seconds("RETRY_S", 1.0)
REJECTED = "rejected"

SCHEMA = """
create table if not exists saga (
    id text primary key, body text not null, free_at real not null, done integer not null default 0
);
create table if not exists step (
    id text not null, name text not null, result text not null, primary key (id, name)
);
"""


class SagaLog:
    """Orders under way and their steps, in one SQLite file."""

    def __init__(self, path: Path) -> None:
        self.store = Store(path, SCHEMA)

    def register(self, order: Order) -> None:
        """Makes the order durable. The same id again changes nothing: the caller has missed our answer."""
        with self.store.transaction() as db:
            row = (order.id, order.model_dump_json(), time.time())
            db.execute("insert or ignore into saga (id, body, free_at) values (?, ?, ?)", row)

    def step(self, order: Order, name: str, peer: Peer, path: str) -> str:
        """The result of a step: the recorded one, or that of the call, recorded before it is returned.

        A refusal is a result like any other: it is final, and what follows from it must follow again after a crash.

        Raises:
            CallFailed: the outcome is unknown, so nothing may follow from it; the saga is run again later.
        """
        known = self.store.read("select result from step where id = ? and name = ?", order.id, name)
        if known:
            return str(known[0][0])
        try:
            result = str(peer.call(path, order).get("nonce", ""))
        except Rejected:
            result = REJECTED
        with self.store.transaction() as db:
            db.execute("insert into step values (?, ?, ?)", (order.id, name, result))
        return result

    def run(self, saga: Callable[[Order], None]) -> None:
        """Runs every open saga until it returns, for ever; one that fails makes room for the others meanwhile."""
        while True:
            try:
                for (body,) in self._open():
                    self._try(saga, Order.model_validate_json(body))
            except sqlite3.OperationalError as error:  # somebody holds the write lock: the row is safe where it is
                report(error)
            time.sleep(POLL_S)

    def _open(self) -> list[tuple[str]]:
        return self.store.read("select body from saga where done = 0 and free_at <= ?", time.time())

    def _try(self, saga: Callable[[Order], None], order: Order) -> None:
        try:
            saga(order)
        except CallFailed as error:
            report(error)
            with self.store.transaction() as db:
                db.execute("update saga set free_at = ? where id = ?", (time.time() + RETRY_S, order.id))

    def finish(self, order: Order) -> None:
        """Discharges the saga: everything that it owes is done."""
        with self.store.transaction() as db:
            db.execute("update saga set done = 1 where id = ?", (order.id,))
