"""The container engine as the harness uses it: one connection for one run, every call bounded and off the event loop.

The engine is reached over a Unix socket through the `docker` SDK, which blocks; each call has a thread of this module's
own and a time limit. Ends of containers are not asked for but told: one stream of events, opened before the first
container exists, so that none can be missed; what an event says is then looked up, since the state is the proof.

Every container carries the run's label, and the keeper is given the means to remove what carries it (`janitor`) before
the first one is made. No image is ever fetched: what is run is what somebody has put there.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import ipaddress
import os
import re
import secrets
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from docker import APIClient
from docker.errors import APIError, DockerException, NotFound

from harness.errors import ContractError, FaultError, Problem, SetupError, UsageError
from harness.targets.janitor import PROCESS_LABEL, RUN_LABEL, Janitor
from harness.targets.keeper import Keeper
from harness.targets.messages import Exit
from harness.targets.ports import HOST
from harness.targets.running import Running

__all__ = ["NETWORK_KEY", "Container", "Engine", "Reach", "engine_socket", "require_images"]

NETWORK_KEY = "RETRIGGER_CONTAINER_NETWORK"
"""Environment variable that forces the network of containers: host or bridge."""
DEFAULT_SOCKET = "/var/run/docker.sock"
HELLO_LIMIT_S = 3
CALL_LIMIT_S = 15
"""Whole seconds: the SDK wants it so."""
THREADS = 8
LOG_LINES = 1000
BY_SIGNAL = range(128 + 1, 128 + 65)
"""Exit codes that an engine gives to a container whose main process was ended by a signal: 137 is SIGKILL."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """How containers and this machine reach each other.

    mode: "host": they share the loopback interface, so nothing changes; "bridge": each container has an interface of
        its own, and its port is published under the same number.
    links: address of this machine on which the proxies listen that containers use.
    seen_as: what a container calls that address.
    listen: address on which a service in a container listens.
    """

    mode: str = "host"
    links: str = HOST
    seen_as: str = HOST
    listen: str = HOST


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """What is asked of the engine.

    name: its process in the manifest.
    image: it must be there already.
    env: added to the image's own environment.
    log: file that receives its output when it has ended, or when it is asked for.
    command: instead of the image's own.
    port: where it listens, if it does.
    cwd: instead of the image's own working folder.
    folders: folders of this machine that it finds under the same path, and may write to.
    up: file in one of them that is made when it is up; None where it does not say.
    """

    name: str
    image: str
    env: Mapping[str, str]
    log: Path
    command: tuple[str, ...] = ()
    port: int | None = None
    cwd: str | None = None
    folders: tuple[Path, ...] = ()
    up: Path | None = None


@dataclass(slots=True, kw_only=True)
class _Life:
    """A container that runs. logged_s: clock time up to which its output was written to its log."""

    running: Running
    container: Container
    logged_s: float


class Engine:
    """One run's connection to the engine. Make one with `open`, end it with `close`.

    reach: how its containers and this machine reach each other.
    run: the label that they carry.
    """

    def __init__(self, client: APIClient, janitor: Janitor, reach: Reach) -> None:
        self.reach = reach
        self.run = janitor.run
        self._client = client
        self._janitor = janitor
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="engine")
        self._loop = asyncio.get_running_loop()
        self._living: dict[str, _Life] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._events: Any = None
        self._closed = False

    @classmethod
    async def open(cls, keeper: Keeper) -> Engine:
        """Connects, and leaves the removal of all containers of this run to the keeper.

        Args:
            keeper: of this run. The name of its folder begins the label.

        Raises:
            SetupError: no engine answers.
        """
        socket = engine_socket()
        client, reach = await asyncio.to_thread(_connect, socket)
        run = f"{keeper.folder.name}-{secrets.token_hex(8)}"  # nobody else's containers can carry it by accident
        engine = cls(client, Janitor(socket=socket, run=run), reach)
        await keeper.clean(engine._janitor)
        await engine._listen()
        return engine

    async def close(self) -> None:
        """Ends the connection, when what was asked for has come about, and removes the run's containers."""
        self._closed = True
        self._living.clear()  # from here on nobody is told of an end, so nobody is started again
        with contextlib.suppress(Exception):  # a stream that is broken already
            self._events.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.to_thread(self._threads.shutdown, cancel_futures=True)
        await asyncio.to_thread(self._janitor.remove_all)
        self._client.close()

    # --- containers -----------------------------------------------------------------------------------------------

    async def create(self, container: Container, identity: str, env: Mapping[str, str]) -> str:
        """Makes a container that is not yet started.

        Args:
            container: what is asked for. identity: part of its name. env: added to its environment.

        Returns:
            its id.

        Raises:
            ContractError: the image is not here.
        """
        creating = asyncio.ensure_future(self._call(self._create, container, identity, env))
        try:
            return str(await asyncio.shield(creating))
        except asyncio.CancelledError:
            creating.add_done_callback(self._remove_unwanted)
            raise
        except NotFound as error:
            raise ContractError(_no_image(container.image, container.name)) from error
        except APIError as error:
            raise SetupError(f"container {container.name!r} cannot be made: {error.explanation}") from error

    def _create(self, container: Container, identity: str, env: Mapping[str, str]) -> str:
        bridge, port = self.reach.mode == "bridge", container.port
        host = self._client.create_host_config(
            init=True,  # as a child of an init a process obeys SIGTERM as elsewhere, and nobody stays a zombie
            network_mode=None if bridge else "host",
            port_bindings={port: (HOST, port)} if bridge and port else None,
            binds=[f"{folder}:{folder}:rw" for folder in container.folders],
        )
        made = self._client.create_container(
            container.image,
            list(container.command) or None,
            name=re.sub(r"[^\w.-]", "-", f"{self.run}-{identity}-{secrets.token_hex(3)}"),
            environment={**container.env, **env},
            user=f"{os.getuid()}:{os.getgid()}",  # what it writes into our folders has to be ours
            working_dir=container.cwd,
            ports=[port] if bridge and port else None,
            labels={RUN_LABEL: self.run, PROCESS_LABEL: container.name},
            host_config=host,
            use_config_proxy=False,
        )
        return str(made["Id"])

    def _remove_unwanted(self, creating: asyncio.Future[str]) -> None:
        """Removes a container whose maker was cancelled before it could hear of it."""
        if not creating.cancelled() and creating.exception() is None:
            self._later(self.remove(creating.result()))

    async def start(self, id: str, container: Container, on_exit: Callable[[Exit], None]) -> Running:
        """Begins a life of a container; it exists when this returns, but need not be ready.

        Where it fails or is cancelled the container is removed: the engine may have started it all the same.

        Raises:
            SetupError: the engine cannot start it.
        """
        running = Running(container.name, announces=container.up is not None, on_exit=on_exit)
        if container.up is not None:
            container.up.unlink(missing_ok=True)
        self._living[id] = _Life(running=running, container=container, logged_s=time.time())
        try:
            await self._call(self._client.start, id)
            running.pid = (await self._state(id))["Pid"]
        except BaseException as error:
            self._living.pop(id, None)
            self._later(self.remove(id))
            if isinstance(error, APIError):
                raise SetupError(f"container {container.name!r} cannot be started: {error.explanation}") from error
            raise
        return running

    async def signal(self, id: str, name: str) -> None:
        """Sends a signal to the main process. Returns, after SIGKILL, when the container is dead.

        Raises:
            FaultError: it is not running.
        """
        await self._fault(self._client.kill, id, signal=name)

    async def pause(self, id: str) -> None:
        """Freezes all processes of a container. Raises FaultError where it is not running."""
        await self._fault(self._client.pause, id)

    async def unpause(self, id: str) -> None:
        """Lets them run again. Raises FaultError where it was not paused."""
        await self._fault(self._client.unpause, id)

    async def is_paused(self, id: str) -> bool:
        """Whether all of it stands still now."""
        return bool((await self._state(id))["Paused"])

    async def remove(self, id: str) -> None:
        """Removes a container with its volumes, killing it if need be.

        That it cannot be is no error here: it may be gone. One that is left is found when the run ends.
        """
        with contextlib.suppress(APIError, SetupError):
            await self._call(self._client.remove_container, id, force=True, v=True)

    async def write_log(self, id: str) -> None:
        """Appends what the present life of a container has printed to its log, as far as it can be had."""
        if (life := self._living.get(id)) is None:
            return
        since_s, life.logged_s = life.logged_s, time.time()
        with contextlib.suppress(APIError, OSError):  # an engine may be told to keep no logs
            text = await self._call(self._client.logs, id, since=since_s, tail=LOG_LINES)
            await asyncio.to_thread(_append, life.container.log, text)

    # --- calls and events -----------------------------------------------------------------------------------------

    async def _state(self, id: str) -> dict[str, Any]:
        state: dict[str, Any] = (await self._call(self._client.inspect_container, id))["State"]
        return state

    async def _fault(self, function: Callable[..., None], id: str, **options: Any) -> None:
        try:
            await self._call(function, id, **options)
        except APIError as error:
            raise FaultError(f"the engine refuses: {error.explanation}") from error

    async def _call(self, function: Callable[..., Any], *args: Any, **options: Any) -> Any:
        """Calls a function of the SDK in a thread. Raises APIError, and SetupError where the engine is silent."""
        if self._closed:
            raise SetupError("the connection to the container engine is closed")
        try:
            async with asyncio.timeout(2 * CALL_LIMIT_S):  # its own limit, and as much for waiting for a thread
                return await self._loop.run_in_executor(self._threads, functools.partial(function, *args, **options))
        except APIError:
            raise
        except (DockerException, requests.RequestException, TimeoutError) as error:
            raise SetupError(f"the container engine does not answer: {error}") from error

    async def _listen(self) -> None:
        """Subscribes to the ends of this run's containers; a thread waits for them."""
        filters = {"label": f"{RUN_LABEL}={self.run}", "event": "die"}
        self._events = await self._call(self._client.events, since=int(time.time()), filters=filters, decode=True)
        threading.Thread(target=self._wait_for_events, name="engine events", daemon=True).start()

    def _wait_for_events(self) -> None:
        with contextlib.suppress(Exception):  # whatever way a stream ends
            for event in self._events:
                self._loop.call_soon_threadsafe(self._heard, event["id"])
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is left to be told
            self._loop.call_soon_threadsafe(self._lost)

    def _heard(self, id: str) -> None:
        self._later(self._ended(id))

    def _lost(self) -> None:
        """The engine has gone: of no container it is known how it ended."""
        for life in self._living.values():
            life.running.asked_to_end = True
            life.running.ended(Exit(name=life.running.name, pid=life.running.pid))
        self._living.clear()

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _ended(self, id: str) -> None:
        """A container has ended: how, says its state; what it printed goes into its log first."""
        if (life := self._living.get(id)) is None:
            return
        exit = Exit(name=life.running.name, pid=life.running.pid)
        with contextlib.suppress(APIError, SetupError):
            await self.write_log(id)
            exit = _exit_of(life.running, await self._state(id))
        self._living.pop(id, None)
        life.running.ended(exit)


def require_images(images: Iterable[str]) -> str:
    """Looks whether an engine answers and has these images; a few milliseconds.

    Returns:
        the engine's version.

    Raises:
        SetupError: no engine answers.
        ContractError: names every image that is missing.
    """
    client, _ = _connect(engine_socket())
    with client:
        missing = []
        for image in images:
            try:
                client.inspect_image(image)  # type: ignore[no-untyped-call]
            except NotFound:
                missing.append(_no_image(image))
        if missing:
            raise ContractError(*missing)
        return str(client.version()["Version"])


def engine_socket(environment: Mapping[str, str] = os.environ) -> str:
    """Path of the engine's socket, from DOCKER_HOST or where it usually is.

    Raises:
        UsageError: DOCKER_HOST leads elsewhere, where the janitor could not clean up.
    """
    host = environment.get("DOCKER_HOST", "")
    if host and not host.startswith("unix://"):
        raise UsageError(
            Problem(
                what="containers can be driven on this machine only",
                expected="DOCKER_HOST unset, or unix:///path/to/the.sock",
                got=f"DOCKER_HOST={host}",
                fix="unset DOCKER_HOST",
            )
        )
    return host.removeprefix("unix://") or DEFAULT_SOCKET


def _connect(socket: str) -> tuple[APIClient, Reach]:
    """A client of the engine that answers there.

    Raises:
        SetupError: none does.
    """
    try:
        APIClient(f"unix://{socket}", timeout=HELLO_LIMIT_S).close()  # asks for its version
        client = APIClient(f"unix://{socket}", timeout=CALL_LIMIT_S, max_pool_size=THREADS)
        return client, _reach(client)
    except (DockerException, requests.RequestException) as error:
        raise SetupError(
            Problem(
                what="no container engine answers",
                expected=f"an engine at {socket}, and the right to use it",
                got=str(error),
                fix="start one (systemctl start docker), or run on processes: --target process",
            )
        ) from error


def _reach(client: APIClient) -> Reach:
    """The host's network where the engine shares this kernel, a bridge where it runs in a machine of its own."""
    own_machine = sys.platform != "linux" or "Desktop" in client.info().get("OperatingSystem", "")
    mode = os.environ.get(NETWORK_KEY) or ("bridge" if own_machine else "host")
    if mode == "host":
        return Reach()
    if mode != "bridge":
        raise UsageError(Problem(what=f"no such network: {NETWORK_KEY}={mode}", expected="host or bridge", got=mode))
    if own_machine:  # its engine forwards this name to our loopback interface
        return Reach(mode=mode, seen_as="host.docker.internal", listen="0.0.0.0")
    range_ = client.inspect_network("bridge")["IPAM"]["Config"][0]
    # The machine's own address there; an engine that has run no container yet names the range only.
    gateway = range_.get("Gateway") or str(ipaddress.ip_network(range_["Subnet"])[1])
    return Reach(mode=mode, links=gateway, seen_as=gateway, listen="0.0.0.0")


def _no_image(image: str, process: str = "") -> Problem:
    return Problem(
        what=f"there is no image {image!r} on this machine's engine, and none is fetched",
        where=f'[[process]] name = "{process}", container = "{image}"' if process else "",
        expected="an image with the processes of the system in it",
        fix=f"docker build -t {image} .   or   docker pull {image}",
    )


def _append(log: Path, text: bytes) -> None:
    with os.fdopen(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "wb") as file:
        file.write(text)


def _exit_of(running: Running, state: Mapping[str, Any]) -> Exit:
    """How a container ended. Killed for lack of memory is not killed by us, so it stays an exit status."""
    code = state["ExitCode"]
    number = code - 128 if code in BY_SIGNAL and not state["OOMKilled"] else None
    return Exit(name=running.name, pid=running.pid, status=None if number else code, signal=number)
