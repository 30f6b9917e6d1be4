"""Redis: a server of the universe's own, what it holds under some keys, and handing in work through a list."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from redis.asyncio import Redis as Client
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from harness.manifest.model import RedisSource, Resource
from harness.stores.kind import Put, ResourceKind, Unconfirmed, found
from harness.stores.readers import StoreUnreadable, said

__all__ = ["Redis", "RedisReader", "redis_server"]

ANSWER_S = 1.0
MANY = 10_000


def redis_server() -> str:
    """The server on PATH. Raises SetupError."""
    return found(["redis-server", "valkey-server"], "apt-get install redis-server")


def _client(address: str) -> Client:
    """A client that tries everything once: a repeat behind our back would be a second submit."""
    return Client.from_url(
        address,
        socket_timeout=ANSWER_S,
        socket_connect_timeout=ANSWER_S,
        retry=Retry(NoBackoff(), 0),
        decode_responses=True,
        encoding_errors="backslashreplace",
        single_connection_client=True,
    )


async def _ask(client: Client, *words: str | int | bytes) -> Any:
    """The answer to one command, read as its name says."""
    return await client.execute_command(*words)  # type: ignore[no-untyped-call]


class Redis(ResourceKind):
    """A Redis server that has written every command to its file before it answers."""

    def __init__(self, resource: Resource, port: int) -> None:
        super().__init__(resource, port)
        self._admin = _client(self.address(port))

    def find(self) -> None:
        """As `redis_server`."""
        redis_server()

    def command(self, folder: Path) -> list[str]:
        """The server in the foreground; what it keeps is its append-only file."""
        place = ["--bind", "127.0.0.1", "--port", str(self.port), "--dir", str(folder)]
        durable = ["--save", "", "--appendonly", "yes", "--appendfsync", "always"]
        return [redis_server(), *place, *durable, *self.resource.options]

    def address(self, port: int) -> str:
        """A Redis URL."""
        return f"redis://127.0.0.1:{port}"

    async def ask(self) -> None:
        """Whether it has loaded its file."""
        await self._do("PING")

    async def reset(self) -> None:
        """Ends all other connections, since a process that is gone may still wait for work there, and forgets all."""
        await self._do("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        await self._do("CLIENT", "KILL", "TYPE", "pubsub")
        await self._do("FLUSHALL")

    async def _do(self, *words: str) -> None:
        try:
            async with asyncio.timeout(ANSWER_S):
                await _ask(self._admin, *words)
        except (RedisError, OSError, TimeoutError) as error:
            await self._admin.aclose()
            raise StoreUnreadable(f"redis: {said(error)}") from error

    def reader(self, source: RedisSource) -> RedisReader:
        """Reads keys of this server."""
        return RedisReader(self.address(self.port), source.keys)

    @asynccontextmanager
    async def publishing(self, address: str, limit_s: float) -> AsyncIterator[Put]:
        """A connection of its own for each try, so that a fault meets this one; confirmed by the list's length."""
        client = _client(address)

        async def put(subject: str, body: bytes, headers: Mapping[str, str]) -> None:
            try:
                await _ask(client, "RPUSH", subject, body)
            except (RedisError, OSError) as error:
                raise Unconfirmed(f"no confirm from the broker: {said(error)}") from error

        try:
            await _connect(client, limit_s)
            yield put
        finally:
            await _end(client)

    async def close(self) -> None:
        """Ends the admin connection."""
        await _end(self._admin)


async def _connect(client: Client, limit_s: float) -> None:
    try:
        async with asyncio.timeout(limit_s):
            await _ask(client, "PING")
    except (RedisError, OSError, TimeoutError) as error:
        raise Unconfirmed(f"no connection to the broker: {said(error)}") from error


async def _end(client: Client) -> None:
    with contextlib.suppress(RedisError, OSError):
        await client.aclose()


class RedisReader:
    """What is under some keys, an item each: see `RedisSource`.

    Args:
        address: of the server itself. keys: in this order; with `*` in it, all keys that match.
    """

    absent = ""  # a key that does not exist is an empty one

    def __init__(self, address: str, keys: list[str]) -> None:
        self.keys = keys
        self._client = _client(address)

    async def read(self) -> list[str]:
        """A text for each item: of a hash the field and its value."""
        try:
            async with asyncio.timeout(ANSWER_S):
                return [
                    item for pattern in self.keys for key in await self._named(pattern) for item in await self._of(key)
                ]
        except (RedisError, OSError, TimeoutError) as error:
            await self.close()
            raise StoreUnreadable(f"redis: {said(error)}") from error

    async def _named(self, pattern: str) -> list[str]:
        if "*" not in pattern:
            return [pattern]
        return sorted([key async for key in self._client.scan_iter(match=pattern, count=MANY)])

    async def _of(self, key: str) -> list[str]:
        match await _ask(self._client, "TYPE", key):
            case "list":
                return _texts(await _ask(self._client, "LRANGE", key, 0, -1))
            case "set":
                return sorted(_texts(await _ask(self._client, "SMEMBERS", key)))
            case "zset":
                return _texts(await _ask(self._client, "ZRANGE", key, 0, -1))
            case "hash":
                return [f"{field} {value}" for field, value in (await _ask(self._client, "HGETALL", key)).items()]
            case "string":
                return [f"{key} {await _ask(self._client, 'GET', key)}"]
            case "stream":
                return await self._entries(key)
        return []

    async def _entries(self, key: str) -> list[str]:
        """The entries of a stream; where groups consume it, those that some group has not acknowledged."""
        entries = dict(await _ask(self._client, "XRANGE", key, "-", "+"))
        groups = await _ask(self._client, "XINFO GROUPS", key)
        left = set() if groups else set(entries)
        for group in groups:
            waiting = await self._client.xpending_range(key, group["name"], min="-", max="+", count=MANY)
            left |= {each["message_id"] for each in waiting}
            left |= {name for name in entries if _order(name) > _order(group["last-delivered-id"])}
        return [" ".join(map(str, entries[name].values())) for name in entries if name in left]

    async def close(self) -> None:
        """Ends the connection."""
        await _end(self._client)


def _order(name: str) -> tuple[int, int]:
    """Stream ids are `milliseconds-number`, and ordered as numbers."""
    milliseconds, _, number = name.partition("-")
    return int(milliseconds), int(number or 0)


def _texts(items: Any) -> list[str]:
    return [str(item) for item in items]
