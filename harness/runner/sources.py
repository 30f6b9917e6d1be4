"""From a source in a manifest to the reader that asks it, for one case."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from harness.errors import ContractError, Problem
from harness.manifest.model import Effect, Pending, SqlSource
from harness.manifest.placeholders import fill
from harness.stores import Paced, Reader, ResourceKind, SqliteReader
from harness.stores.command import CommandReader
from harness.stores.http import HttpReader
from harness.stores.jetstream import Nats
from harness.targets import Errand, Keeper, Start, base_environment, run_errand

__all__ = ["Sources"]

COMMAND_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """What readers of one case are made of.

    kinds: resources by name. values: what placeholders stand for, addresses being those of the servers themselves.
    http: a client without proxies. keeper: who runs commands. cwd: where; folder: for their output.
    """

    kinds: Mapping[str, ResourceKind]
    values: Mapping[str, str]
    http: httpx.AsyncClient
    keeper: Keeper
    cwd: Path
    folder: Path
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def reader(self, source: Effect | Pending) -> Reader:
        """The reader of an effect that is counted at rest, or of pending work."""
        if source.sql:
            return self._sql(source.sql)
        if source.nats:
            kind = self.kinds[source.nats.resource]
            assert isinstance(kind, Nats), "the manifest was read for running"
            return kind.reader(source.nats)
        if source.redis:
            from harness.stores.redis import Redis  # its driver is an extra

            kind = self.kinds[source.redis.resource]
            assert isinstance(kind, Redis), "the manifest was read for running"
            return kind.reader(source.redis)
        if isinstance(source, Pending) and source.engine:
            from harness.stores.engines import Engine  # its clients are an extra

            kind = self.kinds[source.engine.resource]
            assert isinstance(kind, Engine), "the manifest was read for running"
            return Paced(kind.reader(source.engine.function))
        if source.http:
            return Paced(HttpReader(self.http, fill(source.http, self.values)))
        if source.command:
            return Paced(self._command(fill(source.command, self.values)))
        raise ContractError(Problem(what="this cannot be read at rest", got=str(source), fix="name one source"))

    def _sql(self, source: SqlSource) -> Reader:
        if source.sqlite:
            return SqliteReader(Path(fill(source.sqlite, self.values)), source.query)
        from harness.stores.postgres import PostgresReader  # a driver that takes a while to load

        return PostgresReader(fill(source.postgres, self.values), source.query)

    def _command(self, command: list[str]) -> CommandReader:
        name = f"reader-{next(self._numbers)}"
        start = Start(
            name=name,
            env=base_environment(),
            cwd=self.cwd,
            log=self.folder / f"{name}.out",
            command=tuple(command),
        )

        async def run() -> Errand:
            return await run_errand(self.keeper, start, COMMAND_S)

        return CommandReader(run)
