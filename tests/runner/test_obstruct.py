"""Obstructions that meet on one link: each ends when its own time is over, and takes nothing away with it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from harness.errors import FaultError
from harness.network import Link, Network, find_server
from harness.runner.obstruct import Obstructions

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    """Async tests run on asyncio, as the harness does."""
    return "asyncio"


@pytest.fixture
async def link() -> AsyncIterator[Link]:
    """A link through a real proxy, to a callee that says what it hears."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(100):
            writer.write(data)
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    async with await Network.start(find_server()) as network:
        yield await network.link("a->b", f"127.0.0.1:{server.sockets[0].getsockname()[1]}")
        await network.assert_clean()
    server.close()


async def answers(link: Link) -> bytes | None:
    """What a caller gets to hear on a fresh connection; None where it is refused, nothing where it is silence."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", link.port)
    except ConnectionRefusedError:
        return None
    try:
        writer.write(b"hello")
        async with asyncio.timeout(0.1):
            return await reader.read(100)
    except TimeoutError:
        return b""
    finally:
        writer.close()


@pytest.mark.parametrize("words", ["blackhole request", "cut reply", "refuse"])
async def test_same_obstruction_twice_lasts_until_the_last_of_them_ends(link: Link, words: str) -> None:
    """Two faults may ask for the same thing at the same time, in whatever order they end."""
    obstructions = Obstructions()
    first, second = [await obstructions.put(link, words) for _ in range(2)]
    await first.end()
    assert await answers(link) != b"hello"
    await second.end()
    assert await answers(link) == b"hello"


async def test_refusal_and_blackhole_heal_each_by_itself(link: Link) -> None:
    """A link that is still refused is no sign that something else has not healed."""
    obstructions = Obstructions()
    silence, refusal = [await obstructions.put(link, words) for words in ("blackhole request", "refuse")]
    await silence.end()
    assert await answers(link) is None
    await refusal.end()
    assert await answers(link) == b"hello"


async def test_each_proves_its_own_time_only(link: Link) -> None:
    """Bytes that were taken away before a fault struck are not its doing."""
    obstructions = Obstructions()
    first = await obstructions.put(link, "cut reply")
    assert await answers(link) == b""
    async with asyncio.timeout(5):
        while not await first.proof():  # noqa: ASYNC110 - the proxy's counters have no event
            await asyncio.sleep(0.002)
    second = await obstructions.put(link, "cut reply")
    assert await second.proof() == ""
    await first.end()
    await second.end()


async def test_what_cannot_be_put_is_not_counted(link: Link) -> None:
    """A fault that the proxy refuses leaves nothing to be taken away."""
    obstructions = Obstructions()
    with pytest.raises(FaultError):
        await obstructions.put(link, "no such fault")
    await (await obstructions.put(link, "refuse")).end()
    assert await answers(link) == b"hello"
