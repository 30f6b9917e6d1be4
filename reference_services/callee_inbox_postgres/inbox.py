"""The durable inbox on PostgreSQL: a table that owns every accepted order until it is done.

A row is the trigger: *set* when the insert commits, *discharged* when `done` commits together with the booking. In
between a worker claims it with `for update skip locked`: the lock lasts as long as the worker's transaction, others
skip the row meanwhile, and when the worker dies the server sees its connection end and the row is free at once. There
is nothing to be fenced: a transaction whose connection was given up cannot commit any more.

What a lock does not see is a worker that lives and does nothing, or a link that is open and silent. Hence one limit for
the whole attempt, on both sides: the server ends a transaction that is idle for `LEASE_S`, the worker one that takes
longer. The price is a connection that is held, and a transaction that is open, while the partner is called.

Source: the post, fig. 2.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from psycopg import AsyncConnection

from reference_services.order import Order
from reference_services.settings import seconds

__all__ = ["LEASE_S", "Inbox", "Inboxes", "within"]

LEASE_S = seconds("LEASE_S", 30.0)
"""How long one attempt at one order may take in all."""
ANSWER_S = seconds("DATABASE_TIMEOUT_S", 5.0)
"""How long the database may take to answer a call that waits for nothing else."""

SCHEMA = """
select pg_advisory_xact_lock(1); -- of two processes that make the same table at once, one would fail
create table if not exists inbox (
    id text primary key,
    body text not null,
    free_at timestamptz not null default now(),
    done boolean not null default false
);
create index if not exists undone on inbox (free_at) where not done;
create table if not exists account (id integer primary key check (id = 1), balance bigint not null, work text not null);
insert into account values (1, 0, '') on conflict do nothing;
create table if not exists audit (seq bigserial primary key, work text not null, amount bigint not null);
create or replace function write_audit() returns trigger language plpgsql as $$ begin
    insert into audit (work, amount) values (new.work, new.balance - old.balance);
    return null;
end $$;
create or replace trigger audited after update on account for each row execute function write_audit();
"""


class Inbox:
    """Orders that were accepted, over one connection."""

    def __init__(self, db: AsyncConnection) -> None:
        self.db = db

    async def register(self, order: Order) -> None:
        """Makes the order durable. The same id again changes nothing: the caller has missed our answer."""
        insert = "insert into inbox (id, body) values (%s, %s) on conflict do nothing"
        with within(self.db, ANSWER_S):
            await self.db.execute(insert, (order.id, order.model_dump_json()))

    async def claim(self) -> Order | None:
        """Locks the order that has been free for longest, for as long as the transaction lasts; None where none is."""
        rows = await self.db.execute(
            "select body from inbox where not done and free_at <= now() order by free_at limit 1 for update skip locked"
        )
        row = await rows.fetchone()
        return Order.model_validate_json(row[0]) if row else None

    async def put_off(self, order: Order, pause_s: float) -> None:
        """Gives the order back when the transaction ends, to be tried again in `pause_s` seconds."""
        later = "update inbox set free_at = clock_timestamp() + make_interval(secs => %s) where id = %s"
        await self.db.execute(later, (pause_s, order.id))

    async def finish(self, order: Order) -> None:
        """Books the order and marks it done, in the transaction that holds the lock."""
        await self.db.execute("update account set balance = balance + %s, work = %s", (order.amount, order.id))
        await self.db.execute("update inbox set done = true where id = %s", (order.id,))


class Inboxes:
    """Where connections to the inbox come from. The first one makes the tables."""

    def __init__(self) -> None:
        self._made = False

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Inbox]:
        """One connection to the database at `DATABASE_URL`, tried once."""
        idle_ms = f"-c idle_in_transaction_session_timeout={LEASE_S * 1000:.0f}"
        async with asyncio.timeout(ANSWER_S):
            db = await AsyncConnection.connect(os.environ["DATABASE_URL"], autocommit=True, options=idle_ms)
        try:
            if not self._made:
                with within(db, ANSWER_S):
                    await db.execute(SCHEMA)
                self._made = True
            yield Inbox(db)
        finally:
            await db.close()


@contextmanager
def within(db: AsyncConnection, limit_s: float) -> Iterator[None]:
    """Shuts the connection down when the block takes longer than `limit_s` seconds, so that nothing waits for ever.

    A time limit of asyncio's would not do: a query that is cancelled is first called off at the server, over the very
    link that is silent.
    """
    with socket.socket(fileno=os.dup(db.fileno())) as line:
        late = asyncio.get_running_loop().call_later(limit_s, line.shutdown, socket.SHUT_RDWR)
        try:
            yield
        finally:
            late.cancel()
