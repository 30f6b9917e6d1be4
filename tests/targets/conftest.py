"""A keeper of the test's own, with what is needed to start things under it and to look at what is there."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import httpx
import pytest

from harness.targets.keeper import Keeper, Running
from harness.targets.messages import Module, Start
from harness.targets.ports import ReservedPort
from harness.targets.ready import Readiness, wait_until_ready

SERVICES = str(Path(__file__).parent / "services")
LIMIT_S = 10.0


@pytest.fixture
def anyio_backend() -> str:
    """Asynchronous tests run on asyncio alone."""
    return "asyncio"


@pytest.fixture
def port() -> Iterator[ReservedPort]:
    """A port that is reserved for the test."""
    with ReservedPort() as port:
        yield port


@pytest.fixture
async def keeper(tmp_path: Path) -> AsyncIterator[Keeper]:
    """A keeper that has preloaded the libraries of the plain test service."""
    async with await Keeper.start(tmp_path / "universe", [Module(name="plain", path=(SERVICES,))]) as keeper:
        yield keeper


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Start]:
    """Makes a Start with the usual environment, folder and log."""

    def start(name: str = "service", **given: object) -> Start:
        usual = {"env": {"PATH": os.environ["PATH"]}, "cwd": tmp_path, "log": tmp_path / f"{name}.log"}
        return Start(name=name, path=(SERVICES,), **{**usual, **given})  # type: ignore[arg-type]

    return start


def python(code: str) -> tuple[str, ...]:
    """A command that runs some Python in a process of its own."""
    return (sys.executable, "-c", code)


async def serve(keeper: Keeper, start: Start, how: str = "tcp") -> Running:
    """Starts a process and waits until it is ready."""
    running = await keeper.spawn(start)
    await wait_until_ready(running, Readiness(how=how), port=start.port, log=start.log)
    return running


async def fetch(port: ReservedPort, path: str = "/") -> httpx.Response:
    """One request on a connection of its own."""
    async with httpx.AsyncClient(trust_env=False) as client:
        return await client.get(f"http://127.0.0.1:{port.number}{path}", timeout=LIMIT_S)


async def until(condition: Callable[[], object]) -> None:
    """Waits until something has come true, and fails the test when it does not."""
    async with asyncio.timeout(LIMIT_S):
        while not condition():  # noqa: ASYNC110 - files and processes of others have no event to wait for
            await asyncio.sleep(0.002)


def children_in_log(log: Path, word: str = "pid") -> list[int]:
    """The process ids that a process has printed as `pid N`."""
    return [int(line.split()[1]) for line in log.read_text().splitlines() if line.startswith(f"{word} ")]
