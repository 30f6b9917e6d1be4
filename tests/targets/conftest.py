"""A keeper of the test's own, targets of both kinds under it, and what is needed to look at what is there."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from harness.targets.container import ContainerTarget
from harness.targets.engine import Container, Engine
from harness.targets.entry import command_line
from harness.targets.keeper import Keeper
from harness.targets.messages import Module, Start
from harness.targets.ports import ReservedPort
from harness.targets.process import ProcessTarget
from harness.targets.ready import Readiness, wait_until_ready
from harness.targets.running import Running
from harness.targets.supervise import Restart
from harness.targets.supervised import SupervisedTarget
from tests.engine import IMAGE, needs_containers

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


async def fetch(port: ReservedPort, path: str = "/", limit_s: float = LIMIT_S) -> httpx.Response:
    """One request on a connection of its own."""
    async with httpx.AsyncClient(trust_env=False) as client:
        return await client.get(f"http://127.0.0.1:{port.number}{path}", timeout=limit_s)


async def until(condition: Callable[[], object]) -> None:
    """Waits until something has come true, and fails the test when it does not."""
    async with asyncio.timeout(LIMIT_S):
        while not condition():  # noqa: ASYNC110 - files and processes of others have no event to wait for
            await asyncio.sleep(0.002)


def children_in_log(log: Path, word: str = "pid") -> list[int]:
    """The process ids that a process has printed as `pid N`."""
    return [int(line.split()[1]) for line in log.read_text().splitlines() if line.startswith(f"{word} ")]


class Told:
    """Collects what a target tells."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []

    def __call__(self, name: str, data: dict[str, Any]) -> None:
        self.events.append({"name": name, **data})

    def states(self) -> list[str]:
        """The states in the order they were told."""
        return [event["state"] for event in self.events]


MakeTarget = Callable[..., SupervisedTarget]


@pytest.fixture(params=["process", pytest.param("container", marks=needs_containers)])
async def make_target(request: pytest.FixtureRequest, keeper: Keeper, tmp_path: Path) -> AsyncIterator[MakeTarget]:
    """Makes targets of one kind, from the same description for both; all of them are stopped in the end."""
    made: list[SupervisedTarget] = []
    engine = await Engine.open(keeper) if request.param == "container" else None

    def make(
        told: Told | None = None,
        *,
        app: str = "",
        main: str = "",
        command: tuple[str, ...] = (),
        port: int | None = None,
        how: str = "none",
        within_s: float = LIMIT_S,
        settle_s: float = 0.0,
        restart: Restart = "always",
    ) -> SupervisedTarget:
        readiness = Readiness(how=how, within_s=within_s, settle_s=settle_s)
        usual = {"restart": restart, "tell": told or Told(), "restart_delay_s": 0.02}
        begin = {"name": "service", "port": port, "env": {"PATH": os.environ["PATH"]}, "log": tmp_path / "service.log"}
        target: SupervisedTarget
        if engine is None:
            start = Start(**begin, cwd=tmp_path, app=app, main=main, command=command, path=(SERVICES,))
            target = ProcessTarget(keeper, start, readiness, **usual)
        else:
            up = None if command else tmp_path / "up"
            words = command or command_line(app=app, main=main, host="127.0.0.1", port=port or 0, up=tmp_path / "up")
            container = Container(
                **begin | {"env": {}},
                image=IMAGE,
                command=words,
                cwd=SERVICES,
                folders=(tmp_path, Path(SERVICES)),
                up=up,
            )
            target = ContainerTarget(engine, container, readiness, **usual)
        made.append(target)
        return target

    yield make
    for target in made:
        await target.stop()
    if engine is not None:
        await engine.close()
