"""Brokers and databases as resources: durable over kills, empty for each case, and nothing left in the end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import nats
import psycopg
import pytest
import redis.asyncio
from nats.js.api import ConsumerConfig, RetentionPolicy

from harness.errors import SetupError
from harness.manifest.model import NatsSource, RedisSource, Resource
from harness.runner.resources import RunningResource
from harness.stores import Reader, StoreUnreadable, Unconfirmed
from harness.stores.http import HttpReader
from harness.stores.jetstream import Nats
from harness.stores.postgres import Postgres, PostgresReader
from harness.stores.redis import Redis
from harness.stores.resources import resource_kind
from tests.stores.conftest import RESOURCES, Starting

pytestmark = pytest.mark.anyio
SERVERS = tuple(RESOURCES)


async def write(running: RunningResource, work: str) -> None:
    """Puts a work id into the resource, as a service would, and returns when it is confirmed."""
    address = running.kind.address(running.kind.port)
    match running.resource.kind:
        case "nats":
            client = await nats.connect(address)
            await client.jetstream().add_stream(name="ORDERS", subjects=["orders.>"])
            await client.jetstream().publish("orders.new", json.dumps({"id": work}).encode())
            await client.close()
        case "postgres":
            async with await psycopg.AsyncConnection.connect(address) as db:
                await db.execute("create table if not exists audit (seq serial primary key, work text)")
                await db.execute("insert into audit (work) values (%s)", (work,))
        case "redis":
            async with redis.asyncio.Redis.from_url(address) as client:
                await client.rpush("jobs", work)
        case _:
            async with httpx.AsyncClient(trust_env=False) as client:
                await client.put(f"http://{address}/{work}", json={})


async def read(running: RunningResource) -> list[str]:
    """What the resource holds, by the readers of the harness."""
    kind = running.kind
    reader: Reader
    async with httpx.AsyncClient(trust_env=False) as client:
        if isinstance(kind, Nats):
            reader = kind.reader(NatsSource(resource="x", stream="ORDERS"))
        elif isinstance(kind, Redis):
            reader = kind.reader(RedisSource(resource="x", keys=["jobs"]))
        elif isinstance(kind, Postgres):
            reader = PostgresReader(kind.address(kind.port), "select work from audit order by seq")
        else:
            reader = HttpReader(client, f"http://{kind.address(kind.port)}/")
        try:
            return await reader.read()
        finally:
            await reader.close()


@pytest.mark.parametrize("kind", SERVERS)
async def test_what_was_confirmed_survives_a_kill_of_the_server(starting: Starting, kind: str) -> None:
    """SIGKILL of the whole tree, a restart in the same folder: what was confirmed is there."""
    running = await starting(kind)
    for number in range(3):
        await write(running, f"w{number}")
    await running.target.kill()
    with pytest.raises(StoreUnreadable):
        await read(running)
    await running.target.restart()
    await running.kind.awake()
    assert await read(running) == ["w0", "w1", "w2"]


@pytest.mark.parametrize("kind", SERVERS)
async def test_an_emptied_resource_holds_nothing_and_works(starting: Starting, kind: str) -> None:
    """Nothing of one case is seen by the next, which finds a resource as new."""
    running = await starting(kind)
    for number in range(3):
        await write(running, f"w{number}")
        await running.empty()
        assert await read(running) == []
    await write(running, "w9")
    assert await read(running) == ["w9"]


@pytest.mark.parametrize("kind", SERVERS)
async def test_a_resource_that_was_left_dead_is_brought_back_by_emptying_it(starting: Starting, kind: str) -> None:
    """A case that was given up in the middle of a fault does not spoil the ones after it."""
    running = await starting(kind)
    await write(running, "w1")
    await running.target.kill()
    await running.empty()
    assert await read(running) == []


@pytest.mark.parametrize("kind", ["nats", "postgres", "redis"])
async def test_a_missing_server_is_named_with_the_line_that_installs_it(
    kind: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """No traceback of a command that was not found."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("harness.stores.jetstream.sysconfig.get_path", lambda _: str(tmp_path))
    monkeypatch.setattr("harness.stores.postgres.DEBIAN", tmp_path)
    with pytest.raises(SetupError) as caught:
        resource_kind(Resource(name="store", kind=kind), 1).command(tmp_path)  # type: ignore[arg-type]
    assert "install" in caught.value.problems[0].fix


async def test_an_open_transaction_of_a_dead_process_holds_up_nobody(starting: Starting) -> None:
    """Its session ends with the database, whatever it has locked; databases that services have made go too."""
    running = await starting("postgres")
    await write(running, "w1")
    address = running.kind.address(running.kind.port)
    held = await psycopg.AsyncConnection.connect(address)
    await held.execute("lock table audit in access exclusive mode")
    async with await psycopg.AsyncConnection.connect(address, autocommit=True) as db:
        await db.execute("create database app_second")
    life = running.target.pid
    await running.empty()
    assert running.target.pid == life, "no restart was needed for that"
    assert await read(running) == []
    with pytest.raises(psycopg.Error):
        await psycopg.AsyncConnection.connect(address.replace("/app", "/app_second"))
    with pytest.raises(psycopg.Error):
        await held.execute("select 1")
    await held.close()


async def test_a_query_that_makes_no_sense_is_unknown_and_a_table_to_come_is_empty(starting: Starting) -> None:
    """A mistake in the manifest must not read as "nothing pending"; a service that has not started yet must."""
    running = await starting("postgres")
    address = running.kind.address(running.kind.port)
    early = PostgresReader(address, "select work from audit")
    assert await early.read() == []
    await early.close()
    await write(running, "w1")
    for query in ("select wrok from audit", "selec", "delete from audit returning work"):
        reader = PostgresReader(address, query)
        with pytest.raises(StoreUnreadable, match="postgres: "):
            await reader.read()
        await reader.close()
    assert await read(running) == ["w1"]


async def test_postgres_leaves_no_shared_memory_behind(starting: Starting) -> None:
    """Killed again and again, and at last for good: neither segments of System V nor files in /dev/shm."""
    before = _shared_memory()
    running = await starting("postgres")
    for _ in range(2):
        await running.target.kill()
        await running.target.restart()
        await running.kind.awake()
    await running.target.stop()

    async def cleared() -> bool:
        return not _shared_memory() - before

    await until(cleared)  # other tests that run now have theirs for a moment


async def until(condition: Callable[[], Awaitable[object]]) -> None:
    """Waits until something has come true, and fails the test when it does not."""
    async with asyncio.timeout(10):
        while not await condition():  # noqa: ASYNC110 - servers have no event to wait for
            await asyncio.sleep(0.005)


def _shared_memory() -> set[str]:
    segments = {line.split()[1] for line in Path("/proc/sysvipc/shm").read_text().splitlines()[1:]}
    return segments | {str(path) for path in Path("/dev/shm").glob("PostgreSQL*")}


async def test_a_client_that_waits_for_work_does_not_outlive_its_case(starting: Starting) -> None:
    """What a dead process of the last case still waits for would be taken away from the living."""
    running = await starting("redis")
    async with redis.asyncio.Redis.from_url(running.kind.address(running.kind.port)) as waiting:
        taking = asyncio.create_task(waiting.blpop(["jobs"], 10))
        await until(lambda: _blocked(running))
        await running.empty()
        await write(running, "w1")
        assert await read(running) == ["w1"]
        await asyncio.gather(taking, return_exceptions=True)


async def _blocked(running: RunningResource) -> int:
    async with redis.asyncio.Redis.from_url(running.kind.address(running.kind.port)) as client:
        return int((await client.info("clients"))["blocked_clients"])


async def test_every_type_of_redis_key_is_read_an_item_a_row(starting: Starting) -> None:
    """Lists, sets, sorted sets, hashes, texts, streams; by name or by pattern; binary text does not stop it."""
    running = await starting("redis")
    async with redis.asyncio.Redis.from_url(running.kind.address(running.kind.port)) as client:
        await client.rpush("q:list", "w1", "w1", b"\xff\x80w2")
        await client.sadd("q:set", "w3")
        await client.zadd("q:sorted", {"w4": 1.0})
        await client.hset("q:hash", mapping={"w5": "open"})
        await client.set("lock:w6", "1")
        await client.xadd("stream", {"body": "w7"})
    kind = running.kind
    assert isinstance(kind, Redis)

    async def at(*keys: str) -> list[str]:
        reader = kind.reader(RedisSource(resource="x", keys=list(keys)))
        try:
            return await reader.read()
        finally:
            await reader.close()

    assert await at("q:list") == ["w1", "w1", "\\xff\\x80w2"]
    assert await at("q:*") == ["w5 open", "w1", "w1", "\\xff\\x80w2", "w3", "w4"]
    assert await at("lock:*", "stream", "absent") == ["lock:w6 1", "w7"]


async def test_entries_of_a_redis_stream_are_open_until_their_group_acknowledges(starting: Starting) -> None:
    """Not yet delivered and delivered without an acknowledgement are both still set."""
    running = await starting("redis")
    kind = running.kind
    assert isinstance(kind, Redis)
    reader = kind.reader(RedisSource(resource="x", keys=["stream"]))
    async with redis.asyncio.Redis.from_url(kind.address(kind.port)) as client:
        for number in range(3):
            await client.xadd("stream", {"work": f"w{number}"})
        await client.xgroup_create("stream", "payments", id="0")
        [[_, taken]] = _streams(await client.xreadgroup("payments", "a", {"stream": ">"}, count=2))
        await client.xack("stream", "payments", taken[0][0])
    assert await reader.read() == ["w1", "w2"]
    await reader.close()


def _streams(answer: Any) -> list[Any]:
    """Newer protocols answer with a table, older ones with a list of pairs."""
    if isinstance(answer, dict):
        return [[key, entries[0] if isinstance(entries[0], list) else entries] for key, entries in answer.items()]
    return list(answer)


async def test_messages_are_open_until_their_own_consumer_acknowledges(starting: Starting) -> None:
    """A stream that keeps everything, and two consumers with different subjects: each sees its own."""
    running = await starting("nats")
    kind = running.kind
    assert isinstance(kind, Nats)

    def reading(consumer: str | None) -> Callable[[], Awaitable[list[str]]]:
        return kind.reader(NatsSource(resource="x", stream="ORDERS", consumer=consumer)).read

    assert await reading("payments")() == []
    client = await nats.connect(kind.address(kind.port))
    queue = client.jetstream()
    await queue.add_stream(name="ORDERS", subjects=["orders.*"], retention=RetentionPolicy.LIMITS)
    for number, subject in enumerate(["pay", "ship", "pay"]):
        await queue.publish(f"orders.{subject}", json.dumps({"id": f"w{number}"}).encode())
    assert await reading("payments")() == ["w0", "w1", "w2"], "nobody consumes yet"
    settings = ConsumerConfig(durable_name="payments", filter_subject="orders.pay")
    subscription = await queue.pull_subscribe("orders.pay", durable="payments", stream="ORDERS", config=settings)
    assert await reading("payments")() == ["w0", "w2"]
    for left in (["w2"], []):
        await (await subscription.fetch(1))[0].ack_sync()
        assert await reading("payments")() == left
    assert await reading(None)() == ["w0", "w1", "w2"]
    await client.close()


@pytest.mark.parametrize("kind", ["nats", "redis"])
async def test_a_message_is_accepted_when_the_broker_has_confirmed_it(starting: Starting, kind: str) -> None:
    """Published over a connection of its own; without a broker nothing is known."""
    running = await starting(kind)
    await write(running, "w0")
    address = running.kind.address(running.kind.port)
    async with running.kind.publishing(address, 2.0) as put:
        await put("orders.new" if kind == "nats" else "jobs", b"w1", {"X-Work-Id": "w1"})
    assert await read(running) == ["w0", "w1"]
    async with running.kind.publishing(address, 2.0) as put:
        await running.target.kill()
        with pytest.raises(Unconfirmed):
            await put("orders.new" if kind == "nats" else "jobs", b"w2", {})
    with pytest.raises(Unconfirmed):
        async with running.kind.publishing(address, 0.5):
            pass
