"""The rules of stores: where effects and pending work are read, and the resources that the harness starts.

As in `harness.manifest.run_rules`: kept by a manifest that is to be run.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

from harness.manifest.complaint import Complaint
from harness.manifest.graph_rules import Rule
from harness.manifest.model import Effect, Manifest, Pending, Resource
from harness.manifest.placeholders import find
from harness.manifest.source import KeyPath

__all__ = ["OF_STORES", "SOURCES", "effects_of", "sources"]

SOURCES = ("sql", "nats", "redis", "http", "command")
"""The keys that say where something is read at rest; the same for effects and for readers of pending work."""
OF_PENDING = ("sql", "nats", "redis", "engine", "http", "command")
"""The same for pending work, which an engine keeps as well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A resource or process that a manifest names somewhere.

    at: the key. text: what stands there, with the name in it. kinds: what it may be there, the usual one first.
    """

    at: KeyPath
    name: str
    text: str
    kinds: tuple[str, ...]

    def instead(self, name: str) -> str:
        """The text with another name."""
        return name if self.text == self.name else self.text.replace(f"{{link:{self.name}}}", f"{{link:{name}}}")


def effects_of(manifest: Manifest) -> Iterator[tuple[KeyPath, Effect]]:
    """Every effect with its place."""
    for index, node in enumerate(manifest.node):
        for number, effect in enumerate(node.effects):
            yield ("node", index, "effects", number), effect


def sources(manifest: Manifest) -> Iterator[tuple[KeyPath, Effect | Pending]]:
    """Everything that says where to read, with its place: effects and readers of pending work."""
    yield from effects_of(manifest)
    for index, reader in enumerate(manifest.pending):
        yield ("pending", index), reader


def effects_can_be_counted(manifest: Manifest) -> Iterator[Complaint]:
    """An effect is counted in exactly one place: `at`, `sql`, `nats`, `redis`, `http` or `command`."""
    for at, effect in effects_of(manifest):
        ways = [way for way in ("at", *SOURCES) if getattr(effect, way) is not None]
        if len(ways) > 1:
            yield Complaint(
                at=(*at, ways[-1]),
                what=f'effect "{effect.name}" would be counted in two places',
                expected="one of at, " + ", ".join(SOURCES),
                got=", ".join(ways),
                fix="delete one of them",
            )
        elif not ways:
            yield Complaint(
                at=at,
                what=f'nobody counts effect "{effect.name}"',
                expected="at, an endpoint of the harness's world, or one of " + ", ".join(SOURCES),
                got="none of them",
                value=f"POST {{link:world}}/{effect.name.replace('#', '-')}",
                to=(*at, "at"),
            )


def sources_are_single(manifest: Manifest) -> Iterator[Complaint]:
    """A reader of pending work has exactly one source, and a query has exactly one database."""
    for index, reader in enumerate(manifest.pending):
        yield from _exactly_one(("pending", index), reader, OF_PENDING, ["./pending"], "command")
    process = manifest.process[0].name if manifest.process else "PROCESS"
    for at, source in sources(manifest):
        if source.sql is not None:
            usual = f"{{data:{process}}}/orders.db"
            yield from _exactly_one((*at, "sql"), source.sql, ("sqlite", "postgres"), usual, "sqlite")


def _exactly_one(at: KeyPath, table: object, ways: tuple[str, ...], value: object, key: str) -> Iterator[Complaint]:
    given = [way for way in ways if getattr(table, way) is not None]
    if len(given) != 1:
        yield Complaint(
            at=at,
            what="it is not said where to read" if not given else "it would be read from several places",
            expected="exactly one of " + ", ".join(ways),
            got=", ".join(given) or "none of them",
            value=value,
            to=(*at, key),
            fix="keep one of them" if given else "",
        )


def resources_fit(manifest: Manifest) -> Iterator[Complaint]:
    """What is read or published by `nats` or `redis`, or read at `{link:NAME}`, is of a kind that can do that."""
    kinds: dict[str, str] = {resource.name: resource.kind for resource in manifest.resource}
    kinds |= {process.name: "process" for process in manifest.process} | {"world": "world"}
    for named in chain(_published(manifest), _read(manifest), _linked(manifest)):
        kind, usual = kinds.get(named.name), named.kinds[0]
        if kind is not None and kind not in named.kinds:
            meant = next((name for name, other in kinds.items() if other in named.kinds), None)
            yield Complaint(
                at=named.at,
                what=f'"{named.name}" is of kind {kind}, which cannot be used here',
                expected=f"the name of one of kind {' or '.join(named.kinds)}",
                value=meant and named.instead(meant),
                fix="" if meant else f'[[resource]]\nname = "{usual}"\nkind = "{usual}"',
            )


def _published(manifest: Manifest) -> Iterator[Named]:
    if manifest.submit and manifest.submit.publish:
        name = manifest.submit.publish.resource
        yield Named(at=("submit", "publish", "resource"), name=name, text=name, kinds=("nats", "redis"))


def _read(manifest: Manifest) -> Iterator[Named]:
    for at, source in sources(manifest):
        for kind, named in (("nats", source.nats), ("redis", source.redis)):
            if named:
                yield Named(at=(*at, kind, "resource"), name=named.resource, text=named.resource, kinds=(kind,))
    for index, reader in enumerate(manifest.pending):
        if reader.engine:
            name, at = reader.engine.resource, ("pending", index, "engine", "resource")
            yield Named(at=at, name=name, text=name, kinds=("restate", "temporal"))


def _linked(manifest: Manifest) -> Iterator[Named]:
    """Names in addresses that are read. The link to a process is a whole address, that to a command HOST:PORT."""
    for at, source in sources(manifest):
        web = "command" if "://{link:" in (source.http or "") else "process"
        database = source.sql.postgres if source.sql else None
        for key, text, kind in (((*at, "sql", "postgres"), database, "postgres"), ((*at, "http"), source.http, web)):
            for placeholder in find(text or ""):
                if placeholder.word == "link" and placeholder.name:
                    yield Named(at=key, name=placeholder.name, text=text or "", kinds=(kind,))


def resources_can_be_started(manifest: Manifest) -> Iterator[Complaint]:
    """A resource `command` has `start`, which is told `{port}`; other kinds know how to start, and take `options`."""
    for index, resource in enumerate(manifest.resource):
        at: KeyPath = ("resource", index)
        if resource.kind == "command":
            yield from _command_starts(at, resource)
        else:
            for key in ("start", "ready"):
                if getattr(resource, key) is not None:
                    yield Complaint(
                        at=(*at, key),
                        what=f'resource "{resource.name}" is of kind {resource.kind}, which has a {key} of its own',
                        expected=f'no {key}, or kind = "command"',
                        fix="delete this line",
                    )


def _command_starts(at: KeyPath, resource: Resource) -> Iterator[Complaint]:
    told = [
        placeholder.word for text in (*resource.env.values(), *(resource.start or ())) for placeholder in find(text)
    ]
    if resource.start is None:
        yield Complaint(
            at=at,
            what=f'resource "{resource.name}" has no command to start it',
            expected='start, because its kind is "command"',
            value=[f"./{resource.name}", "--port", "{port}"],
            to=(*at, "start"),
        )
    elif "port" not in told:
        yield Complaint(
            at=at,
            what=f'nobody tells resource "{resource.name}" which port to listen on',
            expected="{port} in start or env",
            value="{port}",
            to=(*at, "env", "PORT"),
        )
    if resource.options:
        yield Complaint(
            at=(*at, "options"),
            what=f'resource "{resource.name}" has a command of its own, which takes no options from here',
            expected="them in start",
            value=[*(resource.start or [f"./{resource.name}", "--port", "{port}"]), *resource.options],
            to=(*at, "start"),
        )


def deployments_exist(manifest: Manifest) -> Iterator[Complaint]:
    """What is deployed on a resource of kind `restate` is a process that listens; other kinds call nobody."""
    processes = [process.name for process in manifest.process]
    for index, resource in enumerate(manifest.resource):
        at: KeyPath = ("resource", index, "deployments")
        for number, name in enumerate(resource.deployments):
            if resource.kind != "restate":
                yield Complaint(
                    at=at,
                    what=f'resource "{resource.name}" is of kind {resource.kind}, which calls no processes',
                    expected='no deployments, or kind = "restate"',
                    fix="delete this line",
                )
            elif name not in processes:
                yield Complaint(
                    at=(*at, number),
                    what=f'no process is called "{name}"',
                    expected="one of " + ", ".join(processes),
                    got=name,
                    value=processes[0] if processes else "fx",
                )


OF_STORES: tuple[Rule, ...] = (
    effects_can_be_counted,
    sources_are_single,
    resources_can_be_started,
    deployments_exist,
    resources_fit,
)
"""What a manifest keeps about stores, when the system is to be started."""
