"""PostgreSQL: a server of the universe's own, and queries over the harness's own connections.

The server's settings give up what only a loss of power would need (`fsync`), which no fault here can tell; what a kill
of all its processes needs is kept: every commit is in the kernel's hands before it is confirmed.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import subprocess
from functools import cache
from pathlib import Path

import psycopg
from psycopg import errors, sql

from harness.manifest.model import Resource
from harness.stores.kind import ResourceKind, Run, found
from harness.stores.readers import StoreUnreadable, said, text_of

__all__ = ["Postgres", "PostgresReader", "postgres_server"]

ANSWER_S = 1.0
RESET_S = 10.0
INSTALL = "apt-get install postgresql"
USER, DATABASE, SPARE = "postgres", "app", "retrigger_spare"
SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "shared_buffers": "16MB",
    "unix_socket_directories": "",
    "dynamic_shared_memory_type": "mmap",  # in its folder, so that nothing outside is left by a kill
    "logging_collector": "off",
}
DEBIAN = Path("/usr/lib/postgresql")
NOBODY = 65534
NOT_YET = (errors.UndefinedTable, errors.InvalidSchemaName)


class PostgresReader:
    """Runs one query, read-only. A table that does not exist yet holds nothing: services create them when they start.

    Args:
        address: of the server itself. query: a SELECT whose first column is the work id.
    """

    def __init__(self, address: str, query: str) -> None:
        self.address = address
        self.query = query
        self.absent = ""
        self._connection: psycopg.AsyncConnection | None = None

    async def read(self) -> list[str]:
        """The first column of every row."""
        self.absent = ""
        try:
            async with asyncio.timeout(ANSWER_S):
                rows = await (await (await self._connected()).execute(self.query.encode())).fetchall()
            return [text_of(row[0]) for row in rows]
        except NOT_YET as error:
            self.absent = f"postgres: {said(error)}"
            return []
        except (psycopg.Error, OSError, TimeoutError) as error:
            await self.close()
            raise StoreUnreadable(f"postgres: {said(error)}") from error

    async def _connected(self) -> psycopg.AsyncConnection:
        if self._connection is None or self._connection.closed:
            self._connection = await psycopg.AsyncConnection.connect(
                self.address, autocommit=True, options="-c default_transaction_read_only=on"
            )
        return self._connection

    async def close(self) -> None:
        """Ends the connection."""
        if self._connection is not None:
            connection, self._connection = self._connection, None
            with contextlib.suppress(psycopg.Error, OSError):
                await connection.close()


class Postgres(ResourceKind):
    """A PostgreSQL server. Its database `app` is a new one in each case."""

    def __init__(self, resource: Resource, port: int) -> None:
        super().__init__(resource, port)
        self._admin: psycopg.AsyncConnection | None = None
        self._spare: asyncio.Task[None] | None = None

    async def prepare(self, folder: Path, run: Run) -> None:
        """Makes the cluster, once for the universe."""
        initdb = Path(postgres_server()).with_name("initdb")
        options = ("--no-sync", "--no-locale", "--encoding=UTF8", "--auth=trust", f"--username={USER}")
        await run([*_account(), str(initdb), f"--pgdata={folder / 'cluster'}", *options])

    def find(self) -> None:
        """As `postgres_server`."""
        postgres_server()

    def command(self, folder: Path) -> list[str]:
        """The server in the foreground, on TCP alone."""
        settings = [part for name, value in SETTINGS.items() for part in ("-c", f"{name}={value}")]
        place = ["-D", str(folder / "cluster"), "-h", "127.0.0.1", "-p", str(self.port)]
        return [*_account(), postgres_server(), *place, *settings, *self.resource.options]

    def address(self, port: int) -> str:
        """A PostgreSQL URL; no password is asked for."""
        return f"postgresql://{USER}@127.0.0.1:{port}/{DATABASE}"

    async def ask(self) -> None:
        """Whether it is through with its recovery."""
        await self._do("select 1")

    async def reset(self) -> None:
        """Drops every database and puts a new one in place, made ahead during the case before.

        Connections that processes of the last case still have are ended by that.
        """
        await self._until_spare_is_made()
        for name in await self._databases():
            if name != SPARE:
                await self._do(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))
        if SPARE not in await self._databases():
            await self._make_spare()
        await self._do(f"alter database {SPARE} rename to {DATABASE}")
        self._spare = asyncio.create_task(self._make_spare())

    async def _databases(self) -> list[str]:
        rows = await self._do("select datname from pg_database where not datistemplate and datname <> 'postgres'")
        return [str(row[0]) for row in rows]

    async def _make_spare(self) -> None:
        await self._do(f"create database {SPARE}")

    async def _until_spare_is_made(self) -> None:
        if self._spare is not None:
            spare, self._spare = self._spare, None
            with contextlib.suppress(StoreUnreadable):  # the server was killed meanwhile
                await spare

    async def _do(self, statement: str | sql.Composed) -> list[tuple[object, ...]]:
        text = statement.encode() if isinstance(statement, str) else statement
        try:
            async with asyncio.timeout(RESET_S):
                cursor = await (await self._connected()).execute(text)
                return await cursor.fetchall() if cursor.description else []
        except (psycopg.Error, OSError, TimeoutError) as error:
            await self._disconnect()
            raise StoreUnreadable(f"postgres: {said(error)}") from error

    async def _connected(self) -> psycopg.AsyncConnection:
        if self._admin is None or self._admin.closed:
            address = f"postgresql://{USER}@127.0.0.1:{self.port}/postgres"
            self._admin = await psycopg.AsyncConnection.connect(address, autocommit=True)
        return self._admin

    async def _disconnect(self) -> None:
        if self._admin is not None:
            admin, self._admin = self._admin, None
            with contextlib.suppress(psycopg.Error, OSError):
                await admin.close()

    async def close(self) -> None:
        """Ends the admin connection."""
        if self._spare is not None:
            self._spare.cancel()
            await asyncio.gather(self._spare, return_exceptions=True)
        await self._disconnect()


def postgres_server() -> str:
    """The server on PATH, else the newest that Debian has put beside it; `initdb` is in the same folder.

    Raises:
        SetupError: none is here.
    """
    folders = sorted(DEBIAN.glob("*/bin"), key=_version, reverse=True)
    return str(Path(found(["postgres"], INSTALL, folders)).resolve())


def _version(folder: Path) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", folder.parent.name)]


@cache
def _account() -> tuple[str, ...]:
    """What comes before the server's command so that it runs at all, and leaves nothing behind when it is killed.

    PostgreSQL refuses to run as root. As root it becomes nobody, who may still go through our folders. With an IPC
    namespace of its own the kernel removes its shared memory; where that is not allowed, a kill leaves 56 bytes there.
    """
    root = os.geteuid() == 0
    become = (
        f"--reuid={NOBODY}",
        f"--regid={NOBODY}",
        "--clear-groups",
        "--inh-caps=+dac_override",
        "--ambient-caps=+dac_override",
        "--pdeathsig=KILL",
    )
    nobody = (found(["setpriv"], "apt-get install util-linux"), *become) if root else ()
    own_memory = ("unshare", "--ipc") if root else ("unshare", "--user", "--map-current-user", "--ipc")
    return (*own_memory, *nobody) if _works(own_memory) else nobody


def _works(prefix: tuple[str, ...]) -> bool:
    try:
        return subprocess.run([*prefix, "true"], capture_output=True, timeout=5).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False
