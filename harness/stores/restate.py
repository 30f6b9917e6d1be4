"""Restate: a server of the universe's own, where its functions are, and which of their invocations are open.

It calls the processes that run functions, and not they it: an arrow of the graph starts here. So the harness registers
each of them, under an address that leads through the proxy of that arrow, as a deployment pipeline would.

Source: https://docs.restate.dev/references/server-config, https://docs.restate.dev/references/admin-api
"""

from __future__ import annotations

import asyncio
import platform
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import platformdirs

from harness.errors import Problem, ServiceError
from harness.manifest.model import Resource
from harness.stores.engines import Engine
from harness.stores.kind import found
from harness.stores.readers import StoreUnreadable, said
from harness.targets.ports import HOST, ReservedPort

__all__ = ["Restate", "RestateReader", "engines_folder", "restate_server"]

ANSWER_S = 2.0
DEPLOY_S = 10.0
LOOK_S = 0.01
ENDED_MEANWHILE = (404, 409)
"""What is answered to the order to end an invocation that has just ended by itself."""
OPEN = "select {column} from sys_invocation where status <> 'completed'"
INSTALL = "make engines   (or npm install --global @restatedev/restate-server)"


def engines_folder() -> Path:
    """Where `make engines` puts servers that come as npm packages."""
    return platformdirs.user_cache_path("retrigger") / "engines"


def restate_server() -> str:
    """The server that `make engines` has fetched, else the one on PATH. Raises SetupError.

    The package's own command is a script of Node around the server, which a kill would not reach; so the binary itself.
    """
    system = {"linux": "linux", "darwin": "darwin"}.get(sys.platform, sys.platform)
    machine = {"x86_64": "x64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    package = engines_folder() / "node_modules" / "@restatedev" / f"restate-server-{system}-{machine}"
    return found(["restate-server"], INSTALL, [package / "bin"])


class Restate(Engine):
    """A Restate server on one node, which asks nobody outside for anything."""

    def __init__(self, resource: Resource, port: int) -> None:
        super().__init__(resource, port)
        self._admin_port, self._node_port = ReservedPort(), ReservedPort()
        self._http = httpx.AsyncClient(timeout=ANSWER_S, trust_env=False)
        self.env = {
            "DO_NOT_TRACK": "1",
            "RESTATE_DISABLE_TELEMETRY": "true",
            "RESTATE_INGRESS__BIND_ADDRESS": f"{HOST}:{port}",
            "RESTATE_ADMIN__BIND_ADDRESS": f"{HOST}:{self._admin_port.number}",
            "RESTATE_ADMIN__DISABLE_WEB_UI": "true",
            "RESTATE_DEFAULT_NUM_PARTITIONS": "1",  # each costs threads and memory, and one does as well
            "RESTATE_ROCKSDB_TOTAL_MEMORY_SIZE": "256MB",
        }

    def find(self) -> None:
        """As `restate_server`."""
        restate_server()

    def command(self, folder: Path) -> list[str]:
        """The server in the foreground, on the loopback interface."""
        place = ["--base-dir", str(folder), "--node-name", "one", "--listen-mode", "tcp", "--bind-ip", HOST]
        return [
            restate_server(),
            "--no-logo",
            *place,
            "--bind-port",
            str(self._node_port.number),
            *self.resource.options,
        ]

    def address(self, port: int) -> str:
        """Where functions are invoked over HTTP."""
        return f"http://{HOST}:{port}"

    async def ask(self) -> None:
        """Whether its entry answers and its partition can be queried."""
        await self._answer(self._http.get(f"{self.address(self.port)}/restate/health"))
        await self.open_invocations("id")

    async def reset(self) -> None:
        """Ends every open invocation. Those that are finished stay: work ids never come again."""
        while ids := await self.open_invocations("id"):
            for id in ids:
                await self._answer(self._http.patch(f"{self._admin}/invocations/{id}/kill"), but=ENDED_MEANWHILE)
            await asyncio.sleep(LOOK_S)

    async def deploy(self, addresses: Mapping[str, str]) -> None:
        """Registers each process, over HTTP/1.1 because that is what uvicorn speaks; one that is known stays."""
        for name, address in addresses.items():
            body = {"uri": address, "use_http_11": True}
            try:
                await self._answer(self._http.post(f"{self._admin}/deployments", json=body, timeout=DEPLOY_S))
            except StoreUnreadable as error:
                raise ServiceError(self._not_deployed(name, str(error))) from error

    def _not_deployed(self, process: str, answer: str) -> Problem:
        return Problem(
            what=f"resource {self.resource.name!r} cannot register process {process!r}",
            where=f'[[resource]] name = "{self.resource.name}", deployments',
            expected="an endpoint of a Restate SDK at the root of its port, over HTTP/1.1",
            got=answer,
            fix="app = restate.app([...])   in the process",
        )

    def reader(self, function: str) -> RestateReader:
        """Reads the open invocations of a service."""
        return RestateReader(self, function)

    async def open_invocations(self, column: str, function: str = "") -> list[str]:
        """One column of the invocations that are registered and not finished. Raises StoreUnreadable."""
        query = OPEN.format(column=column) + (f" and target_service_name = '{function}'" if function else "")
        headers = {"accept": "application/json"}
        answer = await self._answer(self._http.post(f"{self._admin}/query", json={"query": query}, headers=headers))
        return [str(row[column]) for row in answer["rows"]]

    @property
    def _admin(self) -> str:
        return f"http://{HOST}:{self._admin_port.number}"

    async def _answer(self, asking: Any, but: tuple[int, ...] = ()) -> Any:
        """What it answers; nothing where the status is one of `but`, which are as good. Raises StoreUnreadable."""
        try:
            answer = await asking
            if answer.status_code in but:
                return {}
            answer.raise_for_status()
            return answer.json() if answer.content else {}
        except httpx.HTTPStatusError as error:
            raise StoreUnreadable(f"restate: {error.response.text[:300]}") from error
        except (httpx.HTTPError, ValueError) as error:
            raise StoreUnreadable(f"restate: {said(error)}") from error

    async def close(self) -> None:
        """Gives its ports back."""
        await self._http.aclose()
        self._admin_port.release()
        self._node_port.release()


class RestateReader:
    """The idempotency keys of the open invocations of one service.

    Args:
        server: whose. function: the service's name.
    """

    absent = ""  # an engine that knows no such function has no open work of it

    def __init__(self, server: Restate, function: str) -> None:
        self.server = server
        self.function = function

    async def read(self) -> list[str]:
        """One key an invocation."""
        return await self.server.open_invocations("idempotency_key", self.function)

    async def close(self) -> None:
        """The client is the server's."""
