"""NATS JetStream, read and administered over the harness's own connection, straight to the server."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any

import nats
from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js.errors import NotFoundError

from harness.stores.readers import StoreUnreadable

__all__ = ["JetStreamAdmin", "JetStreamReader"]

ANSWER_S = 1.0
ONE_TRY: dict[str, Any] = {"allow_reconnect": False, "max_reconnect_attempts": 1, "reconnect_time_wait": 0}
"""Otherwise nats-py knocks at a server that is down for two minutes, even where it is told not to reconnect."""


async def _ignore(_: Exception) -> None:
    """nats-py prints every lost connection; here they are expected, since the server gets killed."""


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
                async with asyncio.timeout(ANSWER_S):
                    self._client = await nats.connect(f"nats://127.0.0.1:{self.port}", error_cb=_ignore, **ONE_TRY)
            except (OSError, NatsError, TimeoutError) as error:
                raise StoreUnreadable(f"nats: {error}") from error
        return self._client

    async def reset(self) -> None:
        """Deletes every stream, so that the next case finds an empty broker."""
        try:
            jetstream = (await self.client()).jetstream(timeout=ANSWER_S)
            for stream in await jetstream.streams_info():
                await jetstream.delete_stream(str(stream.config.name))
        except (NatsError, TimeoutError) as error:
            raise StoreUnreadable(f"nats: {error}") from error

    async def close(self) -> None:
        """Ends the connection."""
        if self._client is not None:
            client, self._client = self._client, None
            try:
                async with asyncio.timeout(ANSWER_S):
                    await client.close()
            except (OSError, NatsError, TimeoutError):
                pass  # the server is gone; so is the connection


@dataclass(slots=True, kw_only=True)
class JetStreamReader:
    """Messages that a stream with work-queue retention still holds: published and not yet discharged by an ack."""

    admin: JetStreamAdmin
    stream: str

    async def read(self) -> list[str]:
        """The work id of every message that is left, from the header X-Work-Id or the JSON body."""
        try:
            jetstream = (await self.admin.client()).jetstream(timeout=ANSWER_S)
            state = (await jetstream.stream_info(self.stream)).state
            if state.messages == 0:
                return []
            found = []
            for sequence in range(state.first_seq, state.last_seq + 1):
                try:
                    message = await jetstream.get_msg(self.stream, sequence)
                except NotFoundError:
                    continue  # acknowledged in between
                found.append(_work_id(message.headers or {}, message.data or b""))
            return found
        except NotFoundError:
            return []  # no service has created the stream yet
        except (NatsError, TimeoutError, OSError) as error:
            raise StoreUnreadable(f"nats: {error}") from error

    async def close(self) -> None:
        """Nothing of its own to close."""


def _work_id(headers: dict[str, str], data: bytes) -> str:
    if "X-Work-Id" in headers:
        return headers["X-Work-Id"]
    try:
        body = json.loads(data)
        return str(body.get("id") or body.get("work") or "")
    except (ValueError, AttributeError):
        return ""
