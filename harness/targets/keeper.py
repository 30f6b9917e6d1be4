"""The harness's end of the keeper: start, kill, pause, resume, terminate, and hear of deaths, on its event loop.

Each answer carries the proof: process ids, exit status or signal, as the kernel gave them to the keeper. The other end
is `harness.targets.keeper_main`; closing the connection, or dying, is enough to have everything cleaned up there.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import harness
from harness.errors import FaultError, HarnessError, Problem, SetupError, UndoError
from harness.targets import tree
from harness.targets.janitor import Janitor
from harness.targets.messages import Exit, Module, Start
from harness.targets.running import Running

__all__ = ["Keeper", "Scope"]

Scope = Literal["tree", "parent", "child"]
"""What a kill kills: the whole tree as a container kill does, the process alone, or one descendant of it."""

HELLO_LIMIT_S = 30.0
"""Importing the libraries of all services; a second or two where the disk is cold."""
ANSWER_LIMIT_S = 15.0
CLOSE_LIMIT_S = 20.0
BOOT = (
    "import sys; control, root = sys.argv[1:]; path = [*filter(None, sys.path)]; "
    "sys.path[:] = [root, *path]; from harness.targets.keeper_main import main; "
    "sys.path[:] = [*path, root]; main(int(control))"
)
"""The keeper runs the same code as we do, but services must not find this project before their own modules."""


class Keeper:
    """All processes of one universe. Make one with `start`, end it with `close` or as an async context manager.

    folder: the universe's folder, made by the keeper, readable by its owner only, gone after the close.
    preloaded: the libraries that forked services find loaded.
    pid: process id of the keeper itself.
    """

    def __init__(
        self,
        folder: Path,
        process: subprocess.Popen[bytes],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        hello: dict[str, Any],
    ) -> None:
        self.folder = folder
        self.preloaded: list[str] = hello["preloaded"]
        self.pid = process.pid
        self._process = process
        self._reader = reader
        self._writer = writer
        self._unmistakable: bool = hello["unmistakable"]
        self._numbers = itertools.count(1)
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._starting: dict[int, Running] = {}
        self._running: dict[int, Running] = {}
        self._marks: set[int] = set()
        self._janitor: Janitor | None = None
        self._unwanted: set[asyncio.Task[None]] = set()
        self._closed = False
        self._listening = asyncio.create_task(self._listen(), name=f"keeper of {folder}")

    @classmethod
    async def start(cls, folder: Path, preload: Iterable[Module] = ()) -> Keeper:
        """Starts a keeper.

        Args:
            folder: the universe's folder. It must not exist, because everything in it is removed in the end.
            preload: modules of the services that will be forked; the libraries that they import are loaded, never the
                modules themselves.

        Raises:
            SetupError: the folder exists or cannot be made, or the keeper does not come up.
        """
        if not sys.platform.startswith("linux"):
            raise SetupError(Problem(what="processes can be kept on Linux only", got=sys.platform))
        modules, without = [asdict(module) for module in preload], list[str]()
        while True:
            process, reader, writer, hello = await _launch(folder, modules, without)
            keeper = cls(folder, process, reader, writer, hello)
            if not hello["threaded"]:
                return keeper
            await keeper.close()  # those libraries start threads, and a process with threads must not fork
            without += hello["threaded"]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def spawn(self, start: Start, on_exit: Callable[[Exit], None] | None = None) -> Running:
        """Brings a process to life; it exists when this returns, but need not be ready.

        Args:
            start: what to run. The folder of its log is made if need be.
            on_exit: called on the event loop when the process ends without having been asked to.

        Raises:
            SetupError: a process of that name is already running, or the keeper is gone.
        """
        start.log.parent.mkdir(parents=True, exist_ok=True)
        await self._nothing_unwanted()
        number = self._send("start", start=asdict(start))
        running = self._starting[number] = Running(start.name, announces=not start.command, on_exit=on_exit)
        answered = asyncio.ensure_future(self._answer(number, "start"))
        try:
            answer = await asyncio.shield(answered)
        except asyncio.CancelledError:
            ending = asyncio.create_task(self._end_unwanted(answered))
            self._unwanted.add(ending)
            ending.add_done_callback(self._unwanted.discard)
            raise
        if "refused" in answer:
            raise SetupError(f"process {start.name!r} cannot be started: {answer['refused']}")
        return running

    async def _end_unwanted(self, asked: asyncio.Future[dict[str, Any]]) -> None:
        """Kills a process whose starter was cancelled before it could hear of it."""
        with contextlib.suppress(HarnessError):  # it has ended by itself, or the keeper is gone and took it along
            answer = await asked
            if "pid" in answer:
                await self.kill(answer["pid"])

    async def _nothing_unwanted(self) -> None:
        """Waits until the starts that were cancelled have been undone; their names are free again then."""
        await asyncio.sleep(0)  # a start that is being cancelled just now shall know of it
        if self._unwanted:
            await asyncio.wait(self._unwanted)

    async def kill(self, pid: int, scope: Scope = "tree", child: int | None = None) -> Exit:
        """Kills with SIGKILL, and returns when the dead have been seen dead.

        Args:
            pid: a process that was spawned here.
            scope: "tree": the process and all that it ever started, stopped first so that nobody forks or finishes
                anything; "parent": the process alone, leaving orphans; "child": one descendant.
            child: which descendant; the youngest by default, which for a queue that forks per job is the one at work.

        Raises:
            FaultError: the process had ended before, has no such descendant, or did not die.
        """
        answer = await self._ask_fault("kill", pid, scope=scope, child=child)
        return Exit.from_json(answer["exit"])

    async def terminate(self, pid: int, grace_s: float) -> Exit:
        """Sends SIGTERM to the process alone, as `docker stop` does, and SIGKILL to its tree after `grace_s` seconds.

        Returns:
            how it ended; `signal` is SIGKILL where it did not obey. What was left of its tree is in `killed`.

        Raises:
            FaultError: the process had ended before.
        """
        running = self._find(pid)
        running.asked_to_end = True
        await self._ask_fault("signal", pid, number=int(signal.SIGTERM))
        try:
            return await asyncio.wait_for(asyncio.shield(running.exited), grace_s)
        except TimeoutError:
            return await self._kill_if_alive(running)

    async def _kill_if_alive(self, running: Running) -> Exit:
        try:
            return await self.kill(running.pid)
        except FaultError:
            if not running.exited.done():
                raise
            return running.exited.result()

    async def pause(self, pid: int) -> tuple[int, ...]:
        """Stops the process's tree with SIGSTOP. Returns those seen standing still, itself first.

        Raises:
            FaultError: the process had ended, or could not be stopped.
        """
        stopped = tuple((await self._ask_fault("pause", pid))["stopped"])
        if pid not in stopped:
            raise FaultError(f"process {pid} ({self._find(pid).name}) could not be stopped")
        return stopped

    async def resume(self, pid: int) -> None:
        """Lets the process's tree run again, and returns when it does.

        Raises:
            UndoError: something is still stopped.
            FaultError: the process had ended.
        """
        if stopped := (await self._ask_fault("resume", pid))["stopped"]:
            raise UndoError(f"process {pid} ({self._find(pid).name}): still stopped after SIGCONT: {stopped}")

    async def sweep(self, name: str) -> tuple[int, ...]:
        """Kills what a dead process of that name has left behind. Returns what was killed.

        Raises:
            FaultError: a process of that name is running.
        """
        await self._nothing_unwanted()
        answer = await self._ask("sweep", name=name)
        if "refused" in answer:
            raise FaultError(answer["refused"])
        return tuple(answer["killed"])

    async def clean(self, janitor: Janitor) -> None:
        """From now on the containers of a run are removed with everything else, in whatever way the harness ends."""
        self._janitor = janitor
        await self._ask("clean", socket=janitor.socket, run=janitor.run)

    async def close(self) -> tuple[int, ...]:
        """Kills everything, removes the folder, and returns what was killed. Closing again does nothing.

        Raises:
            UndoError: a process, a container or the folder could not be removed.
        """
        if self._closed:
            return ()
        self._closed = True
        try:
            answer = await self._ask("close", limit_s=CLOSE_LIMIT_S)
        except SetupError:
            answer = await self._clean_up_without_keeper()
        finally:
            self._writer.transport.abort()
            await _end_of(self._process)
            await asyncio.wait([self._listening])
        if answer["left"] or answer["folder_left"]:
            raise UndoError(
                Problem(
                    what=f"not everything of {self.folder} could be removed",
                    got=f"left: {answer['left']}" if answer["left"] else "the folder is still there",
                )
            )
        return tuple(answer["killed"])

    async def _clean_up_without_keeper(self) -> dict[str, Any]:
        """What the keeper would have done, as far as it can be done from here: somebody has killed the keeper."""
        self._process.kill()
        await _end_of(self._process)
        marks = self._marks if self._unmistakable else ()
        killed = [pid for pid in tree.marked(marks) if tree.alive(pid)]
        for pid in killed:
            tree.send(pid, signal.SIGKILL)
        await asyncio.to_thread(tree.wait_until, lambda: not any(map(tree.alive, killed)), ANSWER_LIMIT_S)
        containers = await asyncio.to_thread(self._janitor.remove_all) if self._janitor else []
        shutil.rmtree(self.folder, ignore_errors=True)
        left = [*(pid for pid in killed if tree.alive(pid)), *containers]
        return {"killed": killed, "left": left, "folder_left": self.folder.exists()}

    async def _listen(self) -> None:
        """Hands out answers and events until the connection ends."""
        with contextlib.suppress(OSError):
            while line := await self._reader.readline():
                self._hear(json.loads(line))
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(SetupError(f"the keeper of {self.folder} is gone"))
        for running in self._running.values():
            running.asked_to_end = True
            running.ended(Exit(name=running.name, pid=running.pid))

    def _hear(self, record: dict[str, Any]) -> None:
        """Takes note of births and deaths at once, in the order they are told, before anybody waiting wakes up."""
        if running := self._starting.pop(record.get("id", 0), None):
            self._born(record, running)
        if "exit" in record:
            self._ended(Exit.from_json(record["exit"]), asked="id" in record)
        if record.get("event") == "up" and (running := self._running.get(record["pid"])):
            running.up.set_result(None)
        answer = self._answers.get(record.get("id", 0))
        if answer is not None and not answer.done():
            answer.set_result(record)

    def _born(self, record: dict[str, Any], running: Running) -> None:
        if "pid" in record:
            self._marks.add(record["mark"])
            running.pid = record["pid"]
            self._running[running.pid] = running

    def _ended(self, exit: Exit, *, asked: bool) -> None:
        running = self._running.pop(exit.pid, None)
        if running is not None:
            running.asked_to_end |= asked
            running.ended(exit)

    def _send(self, do: str, **order: Any) -> int:
        if self._listening.done():
            raise SetupError(f"the keeper of {self.folder} is gone")
        number = next(self._numbers)
        self._writer.write(_line({"id": number, "do": do, **order}))
        return number

    async def _ask(self, do: str, limit_s: float = ANSWER_LIMIT_S, **order: Any) -> dict[str, Any]:
        """Sends an order and waits for its answer. Raises SetupError where the keeper is gone or stuck."""
        return await self._answer(self._send(do, **order), do, limit_s)

    async def _answer(self, number: int, do: str, limit_s: float = ANSWER_LIMIT_S) -> dict[str, Any]:
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(limit_s):
                record: dict[str, Any] = await answer
                return record
        except TimeoutError as error:
            raise SetupError(f"the keeper of {self.folder} did not answer {do!r} within {limit_s} s") from error
        finally:
            self._answers.pop(number, None)

    async def _ask_fault(self, do: str, pid: int, **order: Any) -> dict[str, Any]:
        """Asks for a fault on a process. Raises FaultError where the keeper refuses."""
        name = self._find(pid).name
        answer = await self._ask(do, pid=pid, **order)
        if "refused" in answer:
            raise FaultError(f"cannot {do} process {name!r}: {answer['refused']}")
        return answer

    def _find(self, pid: int) -> Running:
        try:
            return self._running[pid]
        except KeyError:
            raise FaultError(f"process {pid} is not running, or was not started here") from None


async def _launch(
    folder: Path, modules: list[dict[str, Any]], without: list[str]
) -> tuple[subprocess.Popen[bytes], asyncio.StreamReader, asyncio.StreamWriter, dict[str, Any]]:
    """Starts the keeper's process with one end of a connection and nothing else of ours; waits until it is ready."""
    ours, theirs = socket.socketpair()
    with theirs:
        process = _run_keeper(theirs)
    reader, writer = await asyncio.open_connection(sock=ours)
    try:
        order = {"folder": str(folder), "harness": os.getpid(), "modules": modules, "without": without}
        writer.write(_line(order))
        async with asyncio.timeout(HELLO_LIMIT_S):
            return process, reader, writer, _understood(folder, await reader.readline())
    except BaseException as error:
        writer.transport.abort()
        await _end_of(process)
        if isinstance(error, TimeoutError):
            raise SetupError(f"the keeper of {folder} did not come up within {HELLO_LIMIT_S} s") from error
        raise


def _run_keeper(control: socket.socket) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", BOOT, str(control.fileno()), str(Path(harness.__file__).parents[1])],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        pass_fds=[control.fileno()],
        start_new_session=True,
    )


def _understood(folder: Path, line: bytes) -> dict[str, Any]:
    """The keeper's first words. Raises SetupError where they say that it cannot go on."""
    hello: dict[str, Any] = json.loads(line or '{"failed": "it ended at once"}')
    if "failed" in hello:
        raise SetupError(
            Problem(what=f"the keeper of {folder} cannot start", got=hello["failed"], fix=hello.get("fix", ""))
        )
    return hello


async def _end_of(process: subprocess.Popen[bytes]) -> None:
    """Waits for the end of a keeper that has been told to close or left alone; it ends within limits of its own."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        await asyncio.shield(asyncio.to_thread(process.wait, CLOSE_LIMIT_S))


def _line(record: dict[str, Any]) -> bytes:
    return json.dumps(record, default=str).encode() + b"\n"
