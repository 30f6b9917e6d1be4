"""One system under test in a world of its own: ports, links, taps, resources; and the parts that a case acts on.

    client ─▶ proxy ─▶ tap ─▶ process ─▶ proxy ─▶ world | tap ─▶ process | broker

Ports and proxies stay for all cases of a universe; processes, folders and history are new for each. Each pair of a user
and a target has a proxy of its own, so that a cut hits one arrow of the graph.
"""

from __future__ import annotations

import asyncio
import functools
import secrets
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from harness.errors import ContractError, FaultError, HarnessError, Problem
from harness.history import History, Kind
from harness.manifest.model import Process
from harness.manifest.placeholders import fill
from harness.network import Link
from harness.plans.model import Plan
from harness.runner.client import Client
from harness.runner.entry import Entry, PublishEntry, RequestEntry
from harness.runner.resources import RunningResource
from harness.runner.sources import Sources
from harness.runner.system import System
from harness.runner.workshop import Workshop
from harness.targets import ProcessTarget, Readiness, ReservedPort, Start, Target, base_environment
from harness.targets.ports import HOST
from harness.targets.ready import answers, log_tail
from harness.world.http import Handler, Listener, Request, listen
from harness.world.points import Points
from harness.world.scene import Scene
from harness.world.tap import Route, tap
from harness.world.world import World

if TYPE_CHECKING:
    from harness.targets.engine import Reach

__all__ = ["PROBE", "Universe"]

CLIENT = "client"
HTTP_PORT = 80
ANSWERS_S = 2.0
"""How long a server that runs already may take to answer before the first piece of work."""
SETTLE_S = 0.3
WORLD = "world"
PROBE = "probe"
"""The work that is submitted after others stayed behind, to see whether it frees them."""


class Universe:
    """A system's place in a workshop. Made by `Universe.open`; ends with `close`."""

    def __init__(self, system: System, workshop: Workshop) -> None:
        self.system = system
        self.workshop = workshop
        self.ports: dict[str, ReservedPort] = {}
        self.links: dict[str, Link] = {}
        self.hops: list[Listener] = []
        self.resources: dict[str, RunningResource] = {}
        self.targets: dict[str, Target] = {}
        self.scene: Scene | None = None
        self.world: World | None = None
        self.folder = workshop.folder / f"u{secrets.token_hex(3)}"
        self.cases = 0
        self.standing = False
        """The processes of the last case still run, for a case that goes on with them."""
        self.door_s = 0.0
        """How long a request waits for a process that is just being started again; see `harness.world.scene`."""
        self._values: dict[str, str] = {}
        self._old_ids: set[str] = set()

    @classmethod
    async def open(cls, system: System, workshop: Workshop) -> Universe:
        """Reserves ports, puts proxies and hops on every link, starts the resources."""
        universe = cls(system, workshop)
        try:
            await universe._open()
        except BaseException:
            await universe.close()
            raise
        return universe

    async def _open(self) -> None:
        self.folder.mkdir(mode=0o700)
        manifest = self.system.manifest
        if self.system.contained:
            await self.workshop.open_engine()
        for name in [*self.system.process_names, *(r.name for r in manifest.resource)]:
            self.ports[name] = ReservedPort()
        for user, target in sorted(self.system.links):
            await self._connect(user, target)
        for resource in manifest.resource:
            running = self.resources[resource.name] = RunningResource(
                resource,
                port=self.ports[resource.name].number,
                folder=self.folder / resource.name,
                cwd=manifest.path.parent.resolve(),
                keeper=self.workshop.keeper,
                tell=self._tell,
            )
            self.targets[resource.name] = running.target
            await running.start()

    async def close(self) -> None:
        """Ends resources, hops and links."""
        for resource in self.resources.values():
            await resource.kind.close()
        for target in self.targets.values():
            await target.stop()
        for hop in self.hops:
            await hop.close()
        for link in self.links.values():
            await link.remove()
        for port in self.ports.values():
            port.release()
        shutil.rmtree(self.folder, ignore_errors=True)

    # --- links --------------------------------------------------------------------------------------------------

    async def _connect(self, user: str, target: str) -> None:
        """A proxy for this pair; behind it the world, a tap, or the resource itself."""
        name = f"{user}->{target}"
        if target in self.system.resource_names:
            port = self.ports[target].number
        else:
            handler = self._world_handler(user) if target == WORLD else self._tap_handler(name, target)
            hop = await listen(handler, functools.partial(self._empty, name))
            self.hops.append(hop)
            port = hop.port
        reach = self._reach_of(user)
        self.links[name] = await self.workshop.network.link(
            f"{self.folder.name}.{name}", f"{HOST}:{port}", host=reach.links if reach else HOST
        )

    def _reach_of(self, user: str) -> Reach | None:
        """How a process that runs in a container gets at this machine; None where it runs on it."""
        engine = self.workshop.engine
        return engine.reach if engine and user in self.system.contained else None

    def _world_handler(self, caller: str) -> Handler:
        async def handle(request: Request) -> bytes | None:
            answer = await self.world.handle(caller, request) if self.world else None
            self._stay_silent(f"{caller}->{WORLD}", request)
            return answer

        return handle

    def _tap_handler(self, link: str, target: str) -> Handler:
        nodes = [node for node in self.system.manifest.node if node.process == target]
        routes = [Route.read(node.name, node.route, node.work_id) for node in nodes if node.route]
        host, port = self._address_of(target)

        async def handle(request: Request) -> bytes | None:
            answer = await tap(self.scene, link, routes, port, request, host) if self.scene else None
            self._stay_silent(link, request)
            return answer

        return handle

    def _address_of(self, process: str) -> tuple[str, int]:
        """Where a process listens: at the port that it was given, or where the manifest says that it runs already."""
        url = next((p.url for p in self.system.manifest.process if p.name == process), None)
        parts = urlsplit(url or f"http://{HOST}:{self.ports[process].number}")
        return parts.hostname or HOST, parts.port or HTTP_PORT

    def _stay_silent(self, link: str, request: Request) -> None:
        """Leaves the connection open where the answer will be swallowed: our end would tell what it should not."""
        if self.scene and self.scene.silent[link]:
            request.arrival.keep_open = True

    def _empty(self, link: str) -> None:
        if self.scene:
            self.scene.history.record(Kind.CONNECT, where=link)

    # --- one case -----------------------------------------------------------------------------------------------

    async def begin(self, plan: Plan, *, go_on: bool = False) -> Scene:
        """Empties the resources and sets a new scene: history, points, work ids, folders, processes not yet started.

        With `go_on` processes, folders and resources stay as the last case has left them, if it has left them.
        """
        tag = secrets.token_hex(3)
        keys = (*plan.work_keys, PROBE)
        ids = {key: f"{key}-{tag}" for key in keys}
        nonces = {key: secrets.token_hex(4) for key in keys}
        scene = Scene(
            history=History(),
            points=Points(),
            ids=ids,
            nonces=nonces,
            strays=frozenset(self._old_ids),
            door_s=self.door_s,
        )
        self._old_ids |= set(ids.values())
        if not (go_on and self.standing):
            await self._clear()
        self.scene, self.world = scene, World(scene, self.system.endpoints, time.monotonic)
        return scene

    async def _clear(self) -> None:
        """New folders, empty resources, and no process."""
        if self.standing:
            await self._stop()
        self.cases += 1
        for resource in self.resources.values():
            await resource.empty()
        self._lay_out(self.folder / f"case{self.cases}")

    def _lay_out(self, folder: Path) -> None:
        manifest = self.system.manifest
        folders = {process.name: folder / process.name for process in manifest.process}
        self._values = {f"data:{name}": str(path) for name, path in folders.items()}
        for process in manifest.process:
            folders[process.name].mkdir(parents=True, mode=0o700)
            if process.url is None:
                self.targets[process.name] = self._process_target(process, folders[process.name])

    async def end(self, *, standing: bool = False) -> None:
        """Forgets the case's scene and kills its processes, unless left `standing`; resources and links stay."""
        self._old_ids |= set(self.scene.sent if self.scene else ())
        self.scene = self.world = None
        if standing:
            self.standing = True
        else:
            await self._stop()

    async def _stop(self) -> None:
        self.standing = False
        await asyncio.gather(*(self.targets[name].stop() for name in self.system.process_names))
        for hop in self.hops:
            hop.abort()
        shutil.rmtree(self.folder / f"case{self.cases}", ignore_errors=True)

    def log_tail(self, process: str) -> str:
        """The last lines that a process of this case has printed."""
        return log_tail(self.folder / f"case{self.cases}" / f"{process}.log", lines=5)

    def busy(self, *, invoking: bool = False) -> int:
        """Requests that are under way on any link with a hop; or only those that may invoke a declared node."""
        return sum(hop.busy(invoking=invoking) for hop in self.hops)

    def client(self, scene: Scene) -> Client:
        """The client at the edge of this system."""
        link = f"{CLIENT}->{self.system.entered}"
        return Client(entry=self._entry(self.links[link]), submit=self.system.submit, scene=scene, link=link)

    def _entry(self, link: Link) -> Entry:
        submit = self.system.submit
        if submit.publish:
            kind = self.resources[submit.publish.resource].kind
            return PublishEntry(kind=kind, address=kind.address(link.port), publish=submit.publish)
        assert submit.request is not None, "the manifest was read for running"
        address = f"http://{link.address}"
        return RequestEntry(http=self.workshop.http, address=address, request=submit.request, submit=submit)

    def sources(self) -> Sources:
        """What readers of this case are made of. They speak to servers themselves, past the proxies."""
        addresses = {p.name: self._address_of(p.name) for p in self.system.manifest.process}
        direct = {f"link:{name}": f"http://{host}:{port}" for name, (host, port) in addresses.items()}
        kinds = {name: resource.kind for name, resource in self.resources.items()}
        direct |= {f"link:{name}": kind.address(kind.port) for name, kind in kinds.items()}
        return Sources(
            kinds=kinds,
            values=self._values | direct,
            http=self.workshop.http,
            keeper=self.workshop.keeper,
            cwd=self.system.manifest.path.parent.resolve(),
            folder=self.folder / f"case{self.cases}",
        )

    # --- what faults act on (harness.runner.parts) ----------------------------------------------------------------

    def target(self, name: str) -> Target:
        """The process or resource of this name."""
        if name not in self.targets:
            known = ", ".join(self.targets)
            raise FaultError(Problem(what=f"no process {name!r} in {self.system.name}", expected=known, got=name))
        return self.targets[name]

    def copies_of(self, name: str) -> frozenset[str]:
        """Its copies, without the first, which bears the name itself."""
        return self.system.copies_of(name)

    def link(self, name: str) -> Link:
        """The link `user->target`."""
        if name not in self.links:
            known = ", ".join(sorted(self.links))
            raise FaultError(Problem(what=f"no link {name!r} in {self.system.name}", expected=known, got=name))
        return self.links[name]

    async def start_all(self) -> None:
        """The first start of all processes of a case, side by side; returns when all are ready, or already run.

        Raises:
            ContractError: names the process that did not become ready.
        """
        if self.standing:
            return None
        try:
            async with asyncio.TaskGroup() as group:
                for name in self.system.process_names:
                    group.create_task(self._start_first(name))
                for process in self.system.manifest.process:
                    if process.url:
                        group.create_task(self._answers(process))
        except* HarnessError as errors:
            failed = errors
        else:
            return await self._deploy()
        raise failed.exceptions[0]  # the group cancels the others when the first one fails

    async def _deploy(self) -> None:
        """Tells engines where the processes are that they call."""
        for name, running in self.resources.items():
            called = {process: self.links[f"{name}->{process}"] for process in running.resource.deployments}
            if called:
                await running.kind.deploy({process: f"http://{link.address}" for process, link in called.items()})

    async def _start_first(self, name: str) -> None:
        await self.targets[name].start()
        await self.announce_ready(name)

    async def _answers(self, process: Process) -> None:
        """Raises ContractError where nobody answers at the address of a process that is said to run already."""
        how, (host, port) = process.ready or "tcp", self._address_of(process.name)
        if how != "none" and not await answers(how, host, port, ANSWERS_S):
            raise ContractError(
                Problem(
                    what=f"process {process.name!r} does not answer at {process.url}",
                    where=f'[[process]] name = "{process.name}", url = "{process.url}"',
                    expected="a connection" if how == "tcp" else f"GET {how} answered below 400",
                    got=f"no such answer within {ANSWERS_S:g} s",
                    fix="start it before the run: what has a `url` is not started here; or mend the address",
                )
            )

    async def start_again(self, name: str, *, replace: bool = False) -> None:
        """Starts a process or resource that a fault has ended, and waits until it is ready."""
        target = self.target(name)
        await (target.replace() if replace else target.restart())
        if name in self.resources:
            await self.resources[name].kind.awake()

    async def announce_ready(self, name: str) -> None:
        """Tells the armed points that the process has become ready once more."""
        if self.scene:
            await self.scene.points.reach("ready", name, "", self.scene.count("ready", name, ""))

    # --- processes ----------------------------------------------------------------------------------------------

    def _process_target(self, process: Process, folder: Path) -> Target:
        port, readiness = self.ports[process.name].number, self._readiness(process)
        values = self._values | self._links_of(process.name) | {"data": str(folder), "port": str(port)}
        env = {name: fill(text, values) for name, text in process.env.items()}
        command = tuple(fill(process.start or [], values))
        if process.container:
            from harness.runner.containers import container_target  # the engine's client is slow to load

            engine = self.workshop.engine
            assert engine is not None, "opened with the universe"
            return container_target(
                engine,
                process,
                readiness,
                env=env,
                command=command,
                port=port,
                folder=folder.parent,
                tell=self._tell,
            )
        start = Start(
            name=process.name,
            env=base_environment() | env,
            cwd=self.system.folder_of(process),
            log=folder.parent / f"{process.name}.log",
            command=command,
            app=process.app or "",
            main=process.main or "",
            port=port,
            path=self.system.python_path,
        )
        return ProcessTarget(self.workshop.keeper, start, readiness, restart=process.restart, tell=self._tell)

    def _readiness(self, process: Process) -> Readiness:
        how = self.system.readiness(process)
        # In the fault-free run a command without a port has to show that it does not end at once.
        silent = how == "none" and not (process.app or process.main)
        return Readiness(how=how, within_s=process.ready_s, settle_s=SETTLE_S if silent and self.cases == 1 else 0.0)

    def _links_of(self, user: str) -> dict[str, str]:
        """What `{link:TARGET}` becomes for this user."""
        found, reach = {}, self._reach_of(user)
        for name, link in self.links.items():
            caller, _, target = name.partition("->")
            if caller == user:
                resource = self.resources.get(target)
                address = resource.kind.address(link.port) if resource else f"http://{link.address}"
                found[f"link:{target}"] = address.replace(HOST, reach.seen_as) if reach else address
        return found

    def _tell(self, name: str, change: dict[str, Any]) -> None:
        """Every change of a process is an event of the case in which it happens."""
        if self.scene:
            self.scene.history.record(Kind.PROCESS, where=name, **change)
