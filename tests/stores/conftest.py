"""Real servers for the tests of stores: each started as a universe would start it, skipped where it is not here."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from harness.errors import SetupError
from harness.manifest.model import Resource
from harness.runner.resources import RunningResource
from harness.targets import Keeper, ReservedPort

HERE = Path(__file__).parent
RESOURCES: dict[str, dict[str, Any]] = {
    "nats": {"kind": "nats"},
    "postgres": {"kind": "postgres"},
    "redis": {"kind": "redis"},
    "command": {"kind": "command", "start": ["python3", "store.py", "{port}", "{data}"]},
}
ENGINES: dict[str, dict[str, Any]] = {"restate": {"kind": "restate"}, "temporal": {"kind": "temporal"}}
Starting = Callable[..., Awaitable[RunningResource]]


@pytest.fixture
def anyio_backend() -> str:
    """Asynchronous tests run on asyncio alone."""
    return "asyncio"


@pytest.fixture
async def keeper(tmp_path: Path) -> AsyncIterator[Keeper]:
    """A keeper without Python services."""
    async with await Keeper.start(tmp_path / "universe") as keeper:
        yield keeper


@pytest.fixture
async def starting(keeper: Keeper) -> AsyncIterator[Starting]:
    """Starts a resource of a kind, empty."""
    running: list[RunningResource] = []
    ports: list[ReservedPort] = []

    async def start(kind: str, **more: Any) -> RunningResource:
        ports.append(ReservedPort())
        resource = Resource(name=f"{kind}-{len(ports)}", **(RESOURCES | ENGINES)[kind], **more)
        try:
            running.append(
                RunningResource(
                    resource,
                    port=ports[-1].number,
                    folder=keeper.folder / resource.name,
                    cwd=HERE / "systems" / "command_store",
                    keeper=keeper,
                    tell=lambda *_: None,
                )
            )
            await running[-1].start()
        except SetupError as error:
            pytest.skip(f"{error.problems[0].what}: {error.problems[0].fix}")
        await running[-1].empty()
        return running[-1]

    yield start
    for each in running:
        await each.kind.close()
        await each.target.stop()
    for port in ports:
        port.release()
