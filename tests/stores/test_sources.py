"""Sources without a server of their own: what a file, an address or a command answers, and when that is unknown."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from harness.history import History
from harness.stores import Paced, SqliteReader, StoreUnreadable
from harness.stores.command import CommandReader
from harness.stores.http import HttpReader, picked
from harness.targets import Errand, Keeper, ReservedPort, Start, run_errand
from harness.world.http import Listener, Request, listen
from harness.world.points import Points
from harness.world.scene import Scene

ANSWERS = {
    "/list": (200, '["w1-a", "w1-a", {"work": "w2-b", "id": 7}, {"id": "w3-c"}, {"order": "w4-d"}]'),
    "/nested": (200, '{"a/b": {"items": [{"order": {"id": "w1-a"}}, {"order": {"id": "w2-b"}}]}}'),
    "/broken": (500, "[]"),
    "/text": (200, "none"),
}


@pytest.fixture
async def service() -> AsyncIterator[Listener]:
    """A service with a few addresses."""

    async def handle(request: Request) -> bytes:
        status, body = ANSWERS[request.path]
        head = f"HTTP/1.1 {status} OK\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
        return (head + body).encode()

    listener = await listen(handle, lambda: None)
    yield listener
    await listener.close()


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    """The client of a workshop."""
    async with httpx.AsyncClient(timeout=None, trust_env=False) as client:
        yield client


@pytest.mark.anyio
async def test_an_address_answers_a_work_an_item(service: Listener, http: httpx.AsyncClient) -> None:
    """Bare ids, objects with `work` or `id`, and other objects whole; repeats stay."""
    read = await HttpReader(http, f"GET http://127.0.0.1:{service.port}/list").read()
    assert read == ["w1-a", "w1-a", "w2-b", "w3-c", '{"order": "w4-d"}']


@pytest.mark.anyio
async def test_the_place_of_the_list_is_a_json_pointer(service: Listener, http: httpx.AsyncClient) -> None:
    """`*` is every item, `~1` a slash in a key."""
    read = await HttpReader(http, f"http://127.0.0.1:{service.port}/nested#/a~1b/items/*/order").read()
    assert read == ["w1-a", "w2-b"]


@pytest.mark.parametrize("place", ["/list#/x", "/nested", "/nested#/a~1b/items/*/none", "/broken", "/text"])
@pytest.mark.anyio
async def test_an_answer_that_is_no_list_is_unknown_and_never_empty(
    service: Listener, http: httpx.AsyncClient, place: str
) -> None:
    """A service in trouble must not look like one with nothing to do."""
    with pytest.raises(StoreUnreadable):
        await HttpReader(http, f"http://127.0.0.1:{service.port}{place}").read()


@pytest.mark.anyio
async def test_an_address_that_refuses_is_unknown(http: httpx.AsyncClient) -> None:
    """The service is dead just now; what it knows, nobody knows."""
    with ReservedPort() as port, pytest.raises(StoreUnreadable, match="connect"):
        await HttpReader(http, f"http://127.0.0.1:{port.number}/list").read()


def test_stars_in_a_row_flatten() -> None:
    """Lists of lists become one list."""
    assert picked({"pages": [{"rows": [1, 2]}, {"rows": [3]}]}, "/pages/*/rows/*") == [1, 2, 3]
    assert picked([], "") == []


def test_null_is_no_empty_list_and_the_message_says_so() -> None:
    """What a nil slice of Go becomes, and what a service in trouble may say as well."""
    with pytest.raises(ValueError, match="no list at #/items but null; an empty list is"):
        picked({"items": None}, "/items")


@pytest.mark.anyio
async def test_a_command_prints_a_work_a_line(keeper: Keeper, tmp_path: Path) -> None:
    """JSON lines and bare ids; what it says on its error output is no work."""
    code = "import sys; print('w1-a'); print('{\"work\": \"w2-b\"}'); print(); print('note', file=sys.stderr)"
    assert await CommandReader(lambda: _python(keeper, tmp_path, code)).read() == ["w1-a", "w2-b"]


@pytest.mark.anyio
async def test_a_command_that_fails_is_unknown(keeper: Keeper, tmp_path: Path) -> None:
    """Whatever it has printed before; its last words are told."""
    code = "import sys; print('w1-a'); sys.exit('no database yet')"
    with pytest.raises(StoreUnreadable, match="exit status 1: no database yet"):
        await CommandReader(lambda: _python(keeper, tmp_path, code)).read()


@pytest.mark.anyio
async def test_a_command_that_hangs_is_unknown_and_killed_with_its_children(keeper: Keeper, tmp_path: Path) -> None:
    """It is given up after its limit, and nothing of it stays."""
    code = "import subprocess; subprocess.run(['sleep', '60'])"
    with pytest.raises(StoreUnreadable, match="took longer"):
        await CommandReader(lambda: _python(keeper, tmp_path, code, within_s=0.4)).read()
    assert await keeper.sweep("reader") == ()


async def _python(keeper: Keeper, folder: Path, code: str, within_s: float = 10.0) -> Errand:
    command = (sys.executable, "-c", code)
    start = Start(name="reader", env={"PATH": "/usr/bin:/bin"}, cwd=folder, log=folder / "out", command=command)
    return await run_errand(keeper, start, within_s)


@pytest.mark.anyio
async def test_a_slow_source_rests_for_as_long_as_it_took() -> None:
    """The system has the machine to itself for at least half of the time; each reading is made after it was asked."""

    class Slow:
        async def read(self) -> list[str]:
            await asyncio.sleep(0.1)
            return []

        async def close(self) -> None: ...

    reader = Paced(Slow())
    begun_s = time.monotonic()
    await reader.read()
    await reader.read()
    assert time.monotonic() - begun_s >= 0.3


@pytest.mark.anyio
async def test_audit_rows_of_a_database_trigger_show_a_delete_and_reinsert(tmp_path: Path) -> None:
    """The table itself looks as if nothing had happened twice; its trigger has written both."""
    with sqlite3.connect(tmp_path / "orders.db") as db:
        db.executescript(
            "create table charges (work text primary key, amount integer);"
            "create table audit (seq integer primary key, work text not null);"
            "create trigger charged after insert on charges begin insert into audit (work) values (new.work); end;"
            "create trigger changed after update on charges begin insert into audit (work) values (new.work); end;"
        )
        db.execute("insert into charges values ('w1-a', 5)")
        db.execute("delete from charges")
        db.execute("insert into charges values ('w1-a', 5)")
        db.execute("update charges set amount = 5")
    assert await SqliteReader(tmp_path / "orders.db", "select work from charges").read() == ["w1-a"]
    assert await SqliteReader(tmp_path / "orders.db", "select work from audit").read() == ["w1-a"] * 3


@pytest.mark.anyio
async def test_a_file_that_is_no_database_is_unknown(tmp_path: Path) -> None:
    """Garbage is not nothing; a file or table that is not there yet is."""
    (tmp_path / "orders.db").write_text("no database, by its first bytes, at all")
    with pytest.raises(StoreUnreadable):
        await SqliteReader(tmp_path / "orders.db", "select work from audit").read()
    assert await SqliteReader(tmp_path / "other.db", "select work from audit").read() == []


def test_a_row_that_contains_a_work_id_is_that_work() -> None:
    """A queue's message or a payload column serve as they are; an id that was never sent stays visible."""
    scene = Scene(history=History(), points=Points(), ids={"w1": "w1-a1", "w10": "w10-a1"}, nonces={})
    assert scene.key_in("w10-a1") == "w10"
    assert scene.key_in(json.dumps({"args": ["w1-a1", 5]})) == "w1"
    assert scene.key_in("q:w10-a1") == "w10"
    assert scene.key_in("w9-zz") == "w9-zz"
