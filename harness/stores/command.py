"""Anything else: a server that is started by a command, and a command that prints what is pending or done."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

from harness.manifest.placeholders import fill
from harness.stores.kind import ResourceKind
from harness.stores.readers import StoreUnreadable, said, text_of
from harness.targets import Errand

__all__ = ["CommandReader", "CommandServer"]

HOST = "127.0.0.1"


class CommandServer(ResourceKind):
    """A server that the harness knows nothing of: emptied by starting it again on an empty folder."""

    afresh = True

    def command(self, folder: Path) -> list[str]:
        """The declared command."""
        filled: list[str] = fill(self.resource.start or [], {"port": str(self.port), "data": str(folder)})
        return filled

    def address(self, port: int) -> str:
        """HOST:PORT: what stands before and behind it is the service's business."""
        return f"{HOST}:{port}"

    async def ask(self) -> None:
        """Its readiness was waited for as the manifest says; there is nothing more to ask."""

    async def reset(self) -> None:
        """Nothing: see `afresh`."""


class CommandReader:
    """Runs a command and reads its lines, each a JSON object with `work` or `id`, or a bare work id.

    Args:
        run: runs the command once to its end.
    """

    absent = ""  # an answer is an answer

    def __init__(self, run: Callable[[], Awaitable[Errand]]) -> None:
        self._run = run

    async def read(self) -> list[str]:
        """A text a line."""
        try:
            done = await self._run()
        except (TimeoutError, OSError) as error:
            raise StoreUnreadable(f"the command gave no answer: {said(error)}") from error
        if done.exit.status != 0:
            raise StoreUnreadable(f"the command ended with {done.exit.how}: {done.errors.strip()[-300:]}")
        return list(_works(done.output))

    async def close(self) -> None:
        """Nothing to close."""


def _works(output: str) -> Iterator[str]:
    for line in output.splitlines():
        if line.strip():
            try:
                yield text_of(json.loads(line))
            except ValueError:
                yield line.strip()
