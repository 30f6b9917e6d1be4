"""What the runner needs to know of each kind of broker and database that it starts for one universe.

A resource lives as long as its universe, keeps what it holds in a folder of its own over kills and restarts, and is
emptied before each case over the harness's own connection, straight to the server.
"""

from __future__ import annotations

import asyncio
import shutil
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from harness.errors import Problem, ServiceError, SetupError
from harness.manifest.model import Resource
from harness.stores.readers import StoreUnreadable

__all__ = ["Put", "ResourceKind", "Run", "Unconfirmed", "found"]

LOOK_S = 0.005

Run = Callable[[Sequence[str]], Awaitable[None]]
"""Runs a command to its end. Raises SetupError with what it printed where it fails."""

Put = Callable[[str, bytes, Mapping[str, str]], Awaitable[None]]
"""Publishes a body under a subject with headers; returns when the broker has confirmed it. Raises Unconfirmed."""


class Unconfirmed(Exception):
    """The broker did not say that it has the message: it may have it or not."""


class ResourceKind(ABC):
    """One kind of server. Made for one resource of one universe.

    resource: as declared. port: where it serves on the loopback interface.
    """

    afresh = False
    """Whether it can only be emptied by starting it again on an empty folder."""
    env: Mapping[str, str] = {}
    """Environment variables of its server, which those of the manifest may replace."""

    def __init__(self, resource: Resource, port: int) -> None:
        self.resource = resource
        self.port = port

    def find(self) -> None:
        """Looks for its server. Raises SetupError, with the line that installs it, where it is not here."""
        return

    async def prepare(self, folder: Path, run: Run) -> None:
        """Makes what has to be in its folder before the first start. Nothing, usually."""
        return

    @abstractmethod
    def command(self, folder: Path) -> list[str]:
        """The command that serves at the port and keeps its state in `folder`. Raises SetupError."""

    @abstractmethod
    def address(self, port: int) -> str:
        """What `{link:NAME}` becomes, for this server or a proxy in front of it."""

    @abstractmethod
    async def ask(self) -> None:
        """Asks it anything. Raises StoreUnreadable where it does not answer: it may accept connections before that."""

    @abstractmethod
    async def reset(self) -> None:
        """Empties it between two cases, and ends the connections of processes that are gone. Raises StoreUnreadable."""

    async def deploy(self, addresses: Mapping[str, str]) -> None:
        """Tells it where the processes are that it calls, all of which are ready. Nothing, for most kinds.

        Args:
            addresses: by the name of the process, through the proxy for this pair.

        Raises:
            ServiceError: it does not take one.
        """
        return

    def publishing(self, address: str, limit_s: float) -> AbstractAsyncContextManager[Put]:
        """A connection to `address` over which work is handed in; made within `limit_s` seconds, or Unconfirmed."""
        raise NotImplementedError(f"nothing can be published to a resource of kind {self.resource.kind}")

    async def close(self) -> None:
        """Ends the harness's own connections."""
        return

    async def awake(self) -> None:
        """Returns when it answers after a start.

        Raises:
            ServiceError: it does not answer within `ready_s`.
        """
        end_s = time.monotonic() + self.resource.ready_s
        while True:
            try:
                return await self.ask()
            except StoreUnreadable as error:
                if time.monotonic() > end_s:
                    raise ServiceError(self._silent(str(error))) from error
            await asyncio.sleep(LOOK_S)

    def _silent(self, answer: str) -> Problem:
        return Problem(
            what=f"resource {self.resource.name!r} runs, but was not ready within {self.resource.ready_s:g} s",
            where=f'[[resource]] name = "{self.resource.name}"',
            expected="an answer",
            got=answer,
            fix="raise `ready_s`, if it needs longer to recover",
        )


def found(programs: Sequence[str], install: str, folders: Sequence[Path] = ()) -> str:
    """The first of these programs that is in one of the folders or on PATH.

    Raises:
        SetupError: none is here. install: the line that installs it.
    """
    for program in programs:
        for folder in folders:
            if (folder / program).exists():
                return str(folder / program)
        if path := shutil.which(program):
            return path
    raise SetupError(
        Problem(
            what=f"{programs[0]} is not here, so this resource cannot be started",
            expected=f"{' or '.join(programs)} on PATH",
            got="none",
            fix=install,
        )
    )
