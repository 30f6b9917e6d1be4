"""The reader of JetStream, against a real server: a message is pending from its confirm to its acknowledgement."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path

import nats
import pytest
from nats.js import JetStreamContext
from nats.js.api import ConsumerConfig, RetentionPolicy, StreamConfig

from harness.manifest.model import NatsSource, Resource
from harness.stores import StoreUnreadable
from harness.stores.jetstream import Nats
from harness.targets import ReservedPort
from harness.targets.tree import stopped, wait_until

pytestmark = pytest.mark.anyio

LIMIT_S = 10.0
STREAM, SUBJECT = "ORDERS", "orders"


@pytest.fixture
def anyio_backend() -> str:
    """Async tests run on asyncio, as the harness does."""
    return "asyncio"


class Server:
    """A server of the kind that a universe starts, killed and started again on the same port and folder."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder, self.port = folder, port
        self.kind = Nats(Resource(name="broker", kind="nats"), port)
        self.process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Returns when it accepts connections."""
        nothing = asyncio.subprocess.DEVNULL
        command = self.kind.command(self.folder)
        self.process = await asyncio.create_subprocess_exec(*command, stdout=nothing, stderr=nothing)
        async with asyncio.timeout(LIMIT_S):
            while not await self._accepts():  # noqa: ASYNC110 - a start of another program has no event here
                await asyncio.sleep(0.005)

    async def _accepts(self) -> bool:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            return False
        writer.close()
        return True

    async def kill(self) -> None:
        """SIGKILL."""
        if self.process:
            with contextlib.suppress(ProcessLookupError):
                self.process.kill()
            await self.process.wait()

    async def pending(self) -> list[str]:
        """What the reader says."""
        return await self.kind.reader(NatsSource(resource="broker", stream=STREAM)).read()


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    """A running server."""
    with ReservedPort() as port:
        server = Server(tmp_path, port.number)
        await server.start()
        yield server
        await server.kind.close()
        await server.kill()


@contextlib.asynccontextmanager
async def service(server: Server) -> AsyncIterator[JetStreamContext]:
    """A service's own connection, with its work queue made."""
    async with await nats.connect(server.kind.address(server.port)) as client:
        jetstream = client.jetstream()
        retention = RetentionPolicy.WORK_QUEUE
        await jetstream.add_stream(StreamConfig(name=STREAM, subjects=[SUBJECT], retention=retention))
        yield jetstream


async def publish(jetstream: JetStreamContext, work: str) -> None:
    """Publishes one piece of work and waits for the confirm."""
    await jetstream.publish(SUBJECT, json.dumps({"id": work}).encode())


async def test_message_is_pending_from_confirm_to_acknowledgement(server: Server) -> None:
    """Published: pending. Delivered and not acknowledged: still. Given back: still. Acknowledged: no more."""
    async with service(server) as jetstream:
        assert await server.pending() == []
        await publish(jetstream, "w1")
        await publish(jetstream, "w2")
        assert await server.pending() == ["w1", "w2"]
        consumer = await jetstream.pull_subscribe(SUBJECT, "payments", config=ConsumerConfig(ack_wait=30))
        [first] = await consumer.fetch(1)
        assert await server.pending() == ["w1", "w2"]
        await first.nak()
        deliveries = {json.loads(message.data)["id"]: message for _ in "12" for message in await consumer.fetch(1)}
        assert deliveries["w1"].metadata.num_delivered == 2
        assert await server.pending() == ["w1", "w2"]
        await deliveries["w2"].ack_sync()
        assert await server.pending() == ["w1"]
        await deliveries["w1"].ack_sync()
        assert await server.pending() == []


async def test_work_id_is_read_from_header_or_body(server: Server) -> None:
    """The header wins; a body without an id is read whole, for the id may be anywhere in it, and is still pending."""
    async with service(server) as jetstream:
        await jetstream.publish(SUBJECT, b'{"id": "body"}', headers={"X-Work-Id": "header"})
        await jetstream.publish(SUBJECT, b'{"work": "w2"}')
        for data in (b"no json", b"[1]", b""):
            await jetstream.publish(SUBJECT, data)
        assert await server.pending() == ["header", "w2", "no json", "[1]", ""]


async def test_stream_that_is_not_there_yet_holds_nothing(server: Server) -> None:
    """Services make their streams when they start."""
    assert await server.pending() == []


async def test_killed_server_is_unknown_and_never_empty(server: Server) -> None:
    """While the broker is down nothing is known; when it is back, what it had confirmed is still there."""
    async with service(server) as jetstream:
        await publish(jetstream, "w1")
        assert await server.pending() == ["w1"]
    await server.kill()
    async with asyncio.timeout(0.5):  # a refusal is known at once: nobody knocks again and again meanwhile
        with pytest.raises(StoreUnreadable):
            await server.pending()
    await server.start()
    assert await server.pending() == ["w1"]


async def test_stopped_server_is_unknown_within_a_bound(server: Server) -> None:
    """A broker that stands still keeps nobody waiting: every question has a limit."""
    assert server.process
    pid = server.process.pid
    await server.pending()
    server.process.send_signal(19)
    assert await asyncio.to_thread(wait_until, lambda: stopped(pid), LIMIT_S), "the signal takes a moment to be obeyed"
    try:
        async with asyncio.timeout(LIMIT_S):
            with pytest.raises(StoreUnreadable):
                await server.pending()
    finally:
        server.process.send_signal(18)


async def test_reset_leaves_an_empty_broker(server: Server) -> None:
    """The next case finds no stream of the one before."""
    async with service(server) as jetstream:
        await publish(jetstream, "w1")
    await server.kind.reset()
    assert await server.pending() == []
    await server.kill()
    with pytest.raises(StoreUnreadable):
        await server.kind.reset()
