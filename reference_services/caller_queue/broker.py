"""The work queue on NATS JetStream, and how both its users stay connected to it.

The queue is a stream in files with work-queue retention: a message stays until its consumer has acknowledged it. A
message that was delivered and not acknowledged within `ACK_WAIT_S` is delivered again, without limit.

A session is one connection. Whatever goes wrong in it, from a cut connection to an answer that does not come, ends the
session, and the next one starts from what is durable. That is one path of recovery instead of many, and every wait in
it is bounded. So the client library's own reconnecting is off: it would hide how long nobody is connected.

Source: the post, fig. 2.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, RetentionPolicy, StorageType, StreamConfig

from reference_services.settings import report, seconds

__all__ = ["ANSWER_S", "CONSUMER", "STREAM", "SUBJECT", "backoff_s", "consume", "keep_running"]

STREAM = "ORDERS"
SUBJECT = "orders.placed"
CONSUMER = "payments"

ACK_WAIT_S = seconds("ACK_WAIT_S", 30.0)
ANSWER_S = seconds("BROKER_TIMEOUT_S", 5.0)
"""How long the broker may take to answer anything."""
RECONNECT_S = seconds("RECONNECT_S", 1.0)
FETCH_S = seconds("FETCH_S", 5.0)
"""How long to wait for a message before asking whether the broker is still there."""
BACKOFF_S = seconds("BACKOFF_S", 0.5)
BACKOFF_MAX_S = seconds("BACKOFF_MAX_S", 10.0)


async def keep_running(session: Callable[[JetStreamContext], Awaitable[None]]) -> None:
    """Runs `session` on a connection, and again on a new one after any error, for ever."""
    while True:
        try:
            async with connected(os.environ["NATS_URL"]) as queue:
                await make_queue(queue)
                await session(queue)
        except Exception as error:  # whatever it was: what matters is durable, and a new session starts from there
            report(error)
        await asyncio.sleep(RECONNECT_S)


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[JetStreamContext]:
    """One connection to the broker at `url`, tried once."""
    client = Client()
    try:
        async with asyncio.timeout(ANSWER_S):
            await client.connect(url, allow_reconnect=False, max_reconnect_attempts=1, error_cb=_silent)
        yield client.jetstream(timeout=ANSWER_S)
    finally:
        with suppress(Exception):
            async with asyncio.timeout(ANSWER_S):
                await client.close()


async def make_queue(queue: JetStreamContext) -> None:
    """Creates stream and consumer; where they exist already, nothing changes. Whoever comes first does it."""
    await queue.add_stream(
        StreamConfig(
            name=STREAM,
            subjects=[SUBJECT],
            retention=RetentionPolicy.WORK_QUEUE,
            storage=StorageType.FILE,
            num_replicas=1,
        )
    )
    await queue.add_consumer(
        STREAM,
        ConsumerConfig(durable_name=CONSUMER, ack_policy=AckPolicy.EXPLICIT, ack_wait=ACK_WAIT_S, max_deliver=-1),
    )


async def consume(queue: JetStreamContext, handle: Callable[[Msg], Awaitable[None]]) -> None:
    """One session of a consumer: `handle` gets one message after the other, until the connection fails."""
    subscription = await queue.pull_subscribe_bind(durable=CONSUMER, stream=STREAM)
    while True:
        try:
            messages = await subscription.fetch(1, timeout=FETCH_S)
        except TimeoutError:
            await subscription.consumer_info()  # no work, or no connection? a broker that is gone does not answer
            continue
        for message in messages:
            await handle(message)


def backoff_s(delivery: int) -> float:
    """How long to leave a message alone after its delivery number `delivery` (from 1): doubling, bounded."""
    return min(BACKOFF_MAX_S, BACKOFF_S * 2.0 ** min(delivery - 1, 16))


async def _silent(_error: Exception) -> None:
    """The client's own error report: every error reaches `keep_running` anyway."""
