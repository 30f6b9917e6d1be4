"""What one worker keeps for as long as it runs: the keeper of all processes, one Toxiproxy server, one folder.

Everything that a run leaves in the machine hangs on these three, and the keeper removes all of it when this process
ends, in whatever way it ends.
"""

from __future__ import annotations

import itertools
import os
import secrets
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

from harness.network import Network, Server, selftest
from harness.targets import Keeper, Module, Start, base_environment

if TYPE_CHECKING:
    from harness.targets.engine import Engine

__all__ = ["Workshop", "fast_folder", "workshop"]

SHARED_MEMORY = Path("/dev/shm")
ROOM_BYTES = 1 << 30

QUIET_PROXY = {"LOG_LEVEL": "warn"}
"""Toxiproxy writes three lines for each connection otherwise, which costs more than carrying it."""


@dataclass(slots=True, kw_only=True)
class Workshop:
    """The parts that universes are built from. folder: private, gone when the worker ends."""

    folder: Path
    keeper: Keeper
    network: Network
    http: httpx.AsyncClient
    closing: AsyncExitStack
    engine: Engine | None = None
    """Opened where the first system has containers."""

    async def open_engine(self) -> None:
        """Connects to the container engine, unless that is done.

        Raises:
            SetupError: none answers.
        """
        if self.engine is None:
            from harness.targets.engine import Engine  # the engine's client is slow to load, and rarely needed

            self.engine = await Engine.open(self.keeper)
            self.closing.push_async_callback(self.engine.close)


@asynccontextmanager
async def workshop(server: Server, modules: Iterable[Module]) -> AsyncIterator[Workshop]:
    """Opens a workshop.

    Args:
        server: the Toxiproxy server to run.
        modules: Python services whose libraries are loaded once, before any fork.
    """
    async with AsyncExitStack() as stack:
        folder = fast_folder() / f"retrigger-{secrets.token_hex(4)}"
        keeper = await stack.enter_async_context(await Keeper.start(folder, modules))
        network = await stack.enter_async_context(await _network(server, keeper, folder))
        await selftest(network)
        limits = httpx.Limits(max_keepalive_connections=0)
        http = await stack.enter_async_context(httpx.AsyncClient(limits=limits, timeout=None, trust_env=False))
        yield Workshop(folder=folder, keeper=keeper, network=network, http=http, closing=stack)


async def _network(server: Server, keeper: Keeper, folder: Path) -> Network:
    """A Toxiproxy server whose process belongs to the keeper, so that it ends with everything else."""
    lives = itertools.count(1)

    async def spawn(command: list[str]) -> int:
        name, log = f"toxiproxy-{next(lives)}", folder / "toxiproxy.log"
        env = base_environment() | QUIET_PROXY
        start = Start(name=name, env=env, cwd=folder, log=log, command=tuple(command))
        return (await keeper.spawn(start)).pid

    async def kill(pid: int) -> None:
        await keeper.kill(pid)

    return await Network.start(server, spawn=spawn, kill=kill)


def fast_folder() -> Path:
    """Memory where there is room: a kill keeps the page cache, so no fault of ours can tell it from a disk."""
    try:
        if os.access(SHARED_MEMORY, os.W_OK) and shutil.disk_usage(SHARED_MEMORY).free > ROOM_BYTES:
            return SHARED_MEMORY
    except OSError:
        pass
    return Path(tempfile.gettempdir())
