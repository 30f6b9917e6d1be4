"""What a hop costs: one request on a fresh connection, directly and through the parts that a case puts there."""

from __future__ import annotations

import asyncio
import functools
import statistics
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

import httpx

from harness.history import History
from harness.runner.workshop import Workshop
from harness.world.http import Handler, Listener, Request, json_answer, listen
from harness.world.points import Points
from harness.world.scene import Scene
from harness.world.tap import Route, tap
from harness.world.world import World

__all__ = ["measure_hops"]

LIMIT_S = 5.0
REQUEST = (
    b"POST /charge HTTP/1.1\r\nhost: bench\r\nx-work-id: w1-bench\r\nidempotency-key: w1-bench\r\n"
    b'content-type: application/json\r\ncontent-length: 17\r\n\r\n{"id":"w1-bench"}'
)


async def measure_hops(workshop: Workshop, requests: int) -> dict[str, float]:
    """Sends requests one after the other, the ways in turn, so that a busy moment of the machine meets them all.

    Args:
        workshop: where the links are made. requests: how many each way.

    Returns:
        way -> median in milliseconds; `proxy_cost` and `tap_cost` are what each of them adds.
    """
    async with AsyncExitStack() as stack:
        ways = await _ways(stack, workshop)
        took_ms: dict[str, list[float]] = {way: [] for way in ways}
        for _ in range(requests):
            for way, send in ways.items():
                begun_s = time.perf_counter()
                async with asyncio.timeout(LIMIT_S):
                    await send()
                took_ms[way].append(1000 * (time.perf_counter() - begun_s))
    p50 = {way: statistics.median(times) for way, times in took_ms.items()}
    costs = {"proxy_cost": p50["proxied"] - p50["direct"], "tap_cost": p50["tapped"] - p50["proxied"]}
    return {name: round(ms, 3) for name, ms in (p50 | costs).items()}


async def _ways(stack: AsyncExitStack, workshop: Workshop) -> dict[str, Callable[[], Awaitable[None]]]:
    scene = Scene(history=History(), points=Points(), ids={"w1": "w1-bench"}, nonces={"w1": "bench"})
    callee = await _listening(stack, _answer)
    route = Route.read("charge", "POST /charge", None)
    tapped = await _listening(stack, functools.partial(tap, scene, "bench", [route], callee.port))
    world = await _listening(stack, functools.partial(World(scene, {}, time.monotonic).handle, "bench"))
    return {
        "direct": functools.partial(_send, callee.port),
        "client": functools.partial(_send_as_client, workshop.http, callee.port),
        "proxied": functools.partial(_send, await _link(stack, workshop, "plain", callee)),
        "tapped": functools.partial(_send, await _link(stack, workshop, "tapped", tapped)),
        "world": functools.partial(_send, await _link(stack, workshop, "world", world)),
    }


async def _listening(stack: AsyncExitStack, handler: Handler) -> Listener:
    listener = await listen(handler)
    stack.push_async_callback(listener.close)
    return listener


async def _link(stack: AsyncExitStack, workshop: Workshop, name: str, behind: Listener) -> int:
    link = await workshop.network.link(f"bench {name}", f"127.0.0.1:{behind.port}")
    stack.push_async_callback(link.remove)
    return link.port


async def _answer(request: Request) -> bytes:
    return json_answer(200, {"ok": True})


async def _send(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(REQUEST)
    answer = await reader.read(-1)
    writer.close()
    if not answer.startswith(b"HTTP/1.1 200"):
        raise ConnectionError(f"not the answer of the bench: {answer[:80]!r}")


async def _send_as_client(http: httpx.AsyncClient, port: int) -> None:
    address = f"http://127.0.0.1:{port}/charge"
    (await http.post(address, json={"id": "w1-bench"}, headers={"X-Work-Id": "w1-bench"})).raise_for_status()
