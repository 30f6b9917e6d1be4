"""Hand-offs between services: an outbox on one side, a durable consumer on the other, JetStream in between.

An event is a trigger. It is *set* by the commit that records the handler before it as done, carried to the broker by
the relay, and *discharged* when the next handler has done its work, recorded that, and the broker has its
acknowledgement. In between it is published or delivered again; the message id and the table `handled` take care of what
comes twice.

Source: the post, fig. 6.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from pathlib import Path

from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, RetentionPolicy, StorageType, StreamConfig

from reference_services.caller_queue.broker import ACK_WAIT_S, ANSWER_S, RECONNECT_S, connected
from reference_services.order import Order
from reference_services.peer import CallFailed
from reference_services.settings import report, seconds
from reference_services.store import Store

__all__ = ["Events", "Handler"]

POLL_S = seconds("POLL_S", 0.1)
FETCH_S = seconds("FETCH_S", 5.0)
BACKOFF_S = seconds("BACKOFF_S", 0.5)
BACKOFF_MAX_S = seconds("BACKOFF_MAX_S", 10.0)

SCHEMA = """
create table if not exists handled (event text not null, id text not null, primary key (event, id));
create table if not exists outbox (
    seq integer primary key,
    event text not null,
    id text not null,
    body text not null,
    sent integer not null default 0,
    unique (event, id)
);
create index if not exists unsent on outbox (seq) where sent = 0;
"""

Handler = Callable[[Order], str]
"""Does the work that an event calls for, idempotently, and says which event follows; empty where none does."""


class Events:
    """What a service has handled and what it has to tell, in one SQLite file."""

    def __init__(self, path: Path) -> None:
        self.store = Store(path, SCHEMA)

    def has_handled(self, event: str, order: Order) -> bool:
        """Whether this event was handled before, for this order."""
        return bool(self.store.read("select 1 from handled where event = ? and id = ?", event, order.id))

    def record(self, handled: str, order: Order, event: str) -> None:
        """Marks one event as handled and sets the next, in one commit; a repeat changes nothing."""
        with self.store.transaction() as db:
            new = db.execute("insert or ignore into handled values (?, ?)", (handled, order.id)).rowcount
            if new and event:
                body = order.model_dump_json()
                db.execute("insert into outbox (event, id, body) values (?, ?, ?)", (event, order.id, body))

    async def run(self, handlers: Mapping[str, Handler]) -> None:
        """Publishes what is to be told and handles what is heard, for ever; begins anew after any error."""
        while True:
            try:
                async with connected(os.environ["NATS_URL"]) as broker, asyncio.TaskGroup() as group:
                    for event in handlers:
                        await make_queue(broker, event)
                    group.create_task(self._relay(broker))
                    for event, handler in handlers.items():
                        group.create_task(self._consume(broker, event, handler))
            except* (
                Exception
            ) as errors:  # whatever it was: what matters is durable, and a new session starts from there
                report(errors.exceptions[0])
            await asyncio.sleep(RECONNECT_S)

    async def _relay(self, broker: JetStreamContext) -> None:
        """Publishes, waits for the confirm, and only then marks as sent."""
        while True:
            for seq, event, work, body in self.store.read(
                "select seq, event, id, body from outbox where sent = 0 order by seq limit 100"
            ):
                await make_queue(broker, event)
                headers = {"Nats-Msg-Id": f"{event}/{work}", "X-Work-Id": work}
                await broker.publish(event, body.encode(), timeout=ANSWER_S, stream=event, headers=headers)
                with self.store.transaction() as db:
                    db.execute("update outbox set sent = 1 where seq = ?", (seq,))
            await asyncio.sleep(POLL_S)

    async def _consume(self, broker: JetStreamContext, event: str, handler: Handler) -> None:
        """Takes one message at a time; acknowledges when its work is done and recorded."""
        subscription = await broker.pull_subscribe_bind(durable=event, stream=event)
        while True:
            try:
                messages = await subscription.fetch(1, timeout=FETCH_S)
            except TimeoutError:
                await subscription.consumer_info()  # no work, or no connection? a broker that is gone does not answer
                continue
            for message in messages:
                await self._handle(message, event, handler)

    async def _handle(self, message: Msg, event: str, handler: Handler) -> None:
        order = Order.model_validate_json(message.data)
        try:
            if not self.has_handled(event, order):
                self.record(event, order, await asyncio.to_thread(handler, order))
        except CallFailed as error:
            report(error)
            delay_s = min(BACKOFF_MAX_S, BACKOFF_S * 2.0 ** min(message.metadata.num_delivered - 1, 16))
            await message.nak(delay=delay_s)
        else:
            await message.ack_sync(timeout=ANSWER_S)


async def make_queue(broker: JetStreamContext, event: str) -> None:
    """A stream and its one consumer, both called as the event; where they exist already, nothing changes."""
    await broker.add_stream(
        StreamConfig(name=event, subjects=[event], retention=RetentionPolicy.WORK_QUEUE, storage=StorageType.FILE)
    )
    await broker.add_consumer(
        event, ConsumerConfig(durable_name=event, ack_policy=AckPolicy.EXPLICIT, ack_wait=ACK_WAIT_S, max_deliver=-1)
    )
