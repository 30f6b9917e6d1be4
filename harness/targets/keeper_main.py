"""The keeper: parent of every process of one universe, fork server, and the one who cleans up. A process of its own.

It has one thread, a session of its own (a Ctrl-C in the terminal does not reach it), and one connection to the harness.
Lines of JSON come in as orders and go out as answers and events; `harness.targets.keeper` is the other end. When the
connection ends or the harness's process is gone, whatever the reason, the keeper kills all that descends from it,
removes the run's containers and the universe's folder, and ends. It is a subreaper: processes that lose their parent
become its children, so it can wait for them.

It never imports a module of a service. It has loaded the libraries that the services import, so a fork of it starts a
service in milliseconds.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import selectors
import signal
import socket
import sys
from collections.abc import Callable, Collection
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from harness.targets import tree
from harness.targets.imports import libraries
from harness.targets.janitor import QUIET_S, Janitor
from harness.targets.messages import Module, Start
from harness.targets.remains import LOCK, hold, remove_folder, remove_remains
from harness.targets.service import BE_SUBREAPER, SERVER_MODULES, Child, become, open_log, process_control, write_to

__all__ = ["main"]

DEATH_LIMIT_S = 5.0
"""How long a process may take to die after SIGKILL; only one that hangs in the kernel needs more than a moment."""
SEND_LIMIT_S = 5.0
RECEIVE_BYTES = 65536
HANDLED = (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
LATER = {
    "uvicorn.loops.asyncio": "uvicorn",
    "anyio._backends._asyncio": "anyio",
    "pydantic.v1": "pydantic",
    "fastapi.telemetry._runtime": "fastapi",
    "httpcore": "httpx",
}
"""What well-known libraries import only when first used, and which library does: most of the time to a first answer."""


class Refused(Exception):
    """An order that makes no sense in the present state; its text goes back as the answer."""


def main(control_fd: int) -> None:
    """Runs the keeper until it is told to close or the harness is gone. In a forked child: runs the service."""
    control = socket.socket(fileno=control_fd)
    control.set_inheritable(False)
    order = json.loads(_read_line(control) or "null")
    if order is None:  # the harness died before it could say anything
        return
    child = keep(control, order)
    if child is not None:
        become(child)


def _read_line(control: socket.socket) -> bytes:
    line = b""
    while not line.endswith(b"\n"):
        received = control.recv(1)  # one by one: what follows belongs to the next reader
        if not received:
            return b""
        line += received
    return line


def keep(control: socket.socket, order: dict[str, Any]) -> Child | None:
    """The keeper's whole life, in phases: folder, libraries, orders, end. Returns a Child only in a forked process."""
    folder = Path(order["folder"])
    try:
        folder.mkdir(mode=0o700)  # must be new: it is removed in the end, with all that is in it
    except OSError as error:
        fix = "name a folder that does not exist yet, inside one that does: all in it is removed in the end"
        control.sendall(_line(failed=f"cannot make the folder: {error.strerror}", fix=fix))
        return None
    keeper = Keeper(control, folder)
    try:
        keeper.settle(order["harness"])
        preloaded = keeper.preload([Module.from_json(module) for module in order["modules"]], set(order["without"]))
        keeper.tell(preloaded=preloaded[0], threaded=preloaded[1], unmistakable=keeper.marks.unmistakable)
        return keeper.work()
    except Exception as error:
        if os.getpid() == keeper.pid:
            keeper.tell(failed=f"{type(error).__name__}: {error}")
        raise
    finally:
        if os.getpid() == keeper.pid:
            keeper.end()


def _line(**record: Any) -> bytes:
    return json.dumps(record).encode() + b"\n"


class Keeper:
    """What the keeper knows. One order is done at a time; only kills and freezes take more than a moment."""

    def __init__(self, control: socket.socket, folder: Path) -> None:
        self.pid = os.getpid()
        self.control = control
        self.folder = folder
        self.marks = tree.Marks()
        self.mains: dict[int, str] = {}
        """Processes that were asked for and live, with their names."""
        self.selector = selectors.DefaultSelector()
        self.wake_up, self._woken = socket.socketpair()
        self._received = b""
        self._closing = False
        self._close_order = 0
        self.janitor: Janitor | None = None
        self._orders: dict[str, Callable[..., dict[str, Any]]] = {
            "kill": self.kill,
            "pause": self.pause,
            "resume": self.resume,
            "signal": self.signal,
            "sweep": self.sweep,
            "clean": self.clean,
        }

    def settle(self, harness: int) -> None:
        """Becomes the parent of orphans, turns signals into something to select on, and watches the harness."""
        process_control(BE_SUBREAPER, 1)
        self.control.settimeout(SEND_LIMIT_S)
        for end in (self.wake_up, self._woken):
            end.setblocking(False)
        for number in HANDLED:
            signal.signal(number, lambda *_: None)
        signal.set_wakeup_fd(self._woken.fileno(), warn_on_full_buffer=False)
        self.selector.register(self.control, selectors.EVENT_READ, self._hear)
        self.selector.register(self.wake_up, selectors.EVENT_READ, self._wake)
        if os.getppid() != harness:  # it died while we were starting
            self._closing = True
        self._watch_harness(harness)
        log = open_log(self.folder / f"{LOCK}.new")
        hold(self.folder, log)
        write_to(log)
        remove_remains(self.folder.parent)

    def _watch_harness(self, harness: int) -> None:
        """A second way to see its end: the connection stays open where a fork of the harness has inherited it."""
        with contextlib.suppress(OSError):  # gone already, or a kernel without pidfd
            self.selector.register(os.pidfd_open(harness), selectors.EVENT_READ, self._close)

    def preload(self, modules: list[Module], without: set[str]) -> tuple[list[str], list[str]]:
        """Imports the libraries of the modules, and the server where there are any.

        A library that starts threads when it is imported makes forking unsafe. It is named in the answer, and the
        harness starts another keeper without it.

        Returns:
            names that were imported, and those among them that started threads.
        """
        wanted = (
            [(name, "") for name in SERVER_MODULES if modules] + libraries(modules) + [(name, "") for name in LATER]
        )
        done, threaded = [], []
        for name, member in wanted:
            unused = name in LATER and LATER[name] not in sys.modules
            if name in without or unused:
                continue
            if self._harness_gone():
                break
            threads = len(os.listdir("/proc/self/task"))
            if _import(name, member):
                done.append(name)
            if len(os.listdir("/proc/self/task")) > threads:
                threaded.append(name)
        # A service is compiled once, not at each start, and leaves no file beside its source.
        sys.dont_write_bytecode, sys.pycache_prefix = False, str(self.folder / "pycache")
        gc.collect()
        gc.disable()  # a collection before the next fork would touch, and so copy, every page
        gc.freeze()
        return list(dict.fromkeys(done)), threaded

    def _harness_gone(self) -> bool:
        """A look at the harness between two slow steps, before there can be any order."""
        for key, _ in self.selector.select(0):
            key.data()
        return self._closing

    def work(self) -> Child | None:
        """Does what it is told until it is told to close. Returns a Child in a forked process, None in the keeper."""
        while not self._closing:
            for key, _ in self.selector.select():
                child: Child | None = key.data()
                if child is not None:
                    return child
        return None

    def end(self) -> None:
        """Kills everything, removes the folder, and says what was left, if anybody still listens."""
        killed = self._kill_all()
        containers = self._remove_containers()
        remove_folder(self.folder)
        left = [*tree.descendants(tree.children(self.pid)), *containers]
        self.tell(id=self._close_order, killed=killed, left=left, folder_left=self.folder.exists())

    def _remove_containers(self) -> list[str]:
        """What the engine still has of this run. A harness that took its leave has no call under way any more."""
        if self.janitor is None:
            return []
        return self.janitor.remove_all(quiet_s=0.0 if self._close_order else QUIET_S)

    def tell(self, **record: Any) -> None:
        """Sends one line to the harness. Where it is gone the keeper's work is over."""
        try:
            self.control.sendall(_line(**record))
        except OSError:
            self._closing = True

    def _close(self) -> Child | None:
        self._closing = True
        return None

    def _wake(self) -> None:
        signals = self.wake_up.recv(RECEIVE_BYTES)
        if set(signals) - {signal.SIGCHLD}:
            self._close()
        self._reap()

    def _hear(self) -> Child | None:
        """Reads orders and does them. The harness waits for each start to be answered, so at most one forks."""
        try:
            received = self.control.recv(RECEIVE_BYTES)
        except OSError:
            received = b""
        if not received:
            return self._close()
        *lines, self._received = (self._received + received).split(b"\n")
        for line in lines:
            child = self._do(json.loads(line))
            if child is not None:
                return child
        return None

    def _do(self, order: dict[str, Any]) -> Child | None:
        number, verb = order.pop("id"), order.pop("do")
        try:
            if verb == "start":
                return self._start(number, Start.from_json(order["start"]))
            if verb == "close":
                self._close_order = number
                return self._close()
            self._reap()
            self.tell(id=number, **self._orders[verb](**order))
        except (Refused, OSError) as reason:
            self.tell(id=number, refused=str(reason))
        return None

    def _start(self, number: int, start: Start) -> Child | None:
        if start.name in self.mains.values():
            raise Refused(f"a process named {start.name!r} is already running")
        mark = self.marks.of(start.name)
        log = open_log(start.log)
        heard, announce = os.pipe()
        signal.pthread_sigmask(signal.SIG_BLOCK, HANDLED)  # until the child has handlers of its own
        pid = os.fork()
        if pid == 0:
            self._let_go(heard)
            return Child(start=start, mark=mark, keeper=self.pid, log=log, announce=announce)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, HANDLED)
        os.close(log)
        os.close(announce)
        self.mains[pid] = start.name
        self.selector.register(heard, selectors.EVENT_READ, lambda: self._announced(heard, pid))
        self.tell(id=number, pid=pid, mark=mark)
        return None

    def _let_go(self, heard: int) -> None:
        """In a forked process: closes everything that is the keeper's, so that its connections end with it."""
        signal.set_wakeup_fd(-1)
        descriptors = [key.fd for key in self.selector.get_map().values() if isinstance(key.fileobj, int)]
        self.selector.close()
        for descriptor in (heard, *descriptors):
            os.close(descriptor)
        for end in (self.control, self.wake_up, self._woken):
            end.close()

    def _announced(self, heard: int, pid: int) -> None:
        """The announcing end of a pipe was written to, or closed: by exec, or by death."""
        said = os.read(heard, 1)
        self.selector.unregister(heard)
        os.close(heard)
        if said:
            self.tell(event="up", pid=pid)

    def _reap(self) -> None:
        """Takes note of all deaths so far: orphans are buried, ends of processes that were asked for are told."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid in self.mains:
                self._ended(pid, status)

    def _ended(self, pid: int, status: int) -> None:
        """A process ended that nobody is killing now. What is left of its tree goes with it, as in a container."""
        name = self.mains.pop(pid)
        killed = self._kill_tree(name)
        self.tell(event="exit", exit=_exit(name, pid, status, killed=list(killed)))

    def _members(self, name: str, main: int | None = None) -> list[int]:
        """The living tree of a process, parents first."""
        roots = tree.marked([self.marks.of(name)])
        return tree.descendants(roots if main is None else [main, *roots])

    def _named(self, pid: int) -> str:
        if pid not in self.mains:
            raise Refused(f"process {pid} is not running")
        return self.mains[pid]

    def kill(self, pid: int, scope: str, child: int | None) -> dict[str, Any]:
        """Kills a tree, a parent alone, or one descendant. See `harness.targets.keeper.Keeper.kill`."""
        name = self._named(pid)
        if scope == "child":
            return {"exit": self._kill_child(name, pid, child)}
        deaths = {}
        if scope == "tree":
            deaths = self._kill_tree(name, pid)
        else:
            tree.send(pid, signal.SIGKILL)
        if pid not in deaths:  # a parent alone, or one that had ended by itself before the first look
            deaths |= self._await_deaths([pid])
        if pid not in deaths:
            raise Refused(f"process {pid} did not die within {DEATH_LIMIT_S} s of SIGKILL")
        del self.mains[pid]
        survivors = self._members(name) if scope == "parent" else []
        return {"exit": _exit(name, pid, deaths[pid], killed=list(deaths), survivors=survivors)}

    def _kill_child(self, name: str, parent: int, child: int | None) -> dict[str, Any]:
        candidates = [pid for pid in self._members(name, parent) if pid != parent]
        victim = max(candidates, key=tree.born, default=None) if child is None else child
        if victim is None or victim not in candidates:
            raise Refused(f"process {parent} has no child process" + (f" {child}" if child else ""))
        tree.freeze(lambda: [victim])
        if not tree.stopped(victim):  # what stands still dies of nothing but our signal
            raise Refused(f"process {victim} had ended before it could be killed")
        tree.send(victim, signal.SIGKILL)
        if not tree.wait_until(lambda: not tree.alive(victim), DEATH_LIMIT_S):
            raise Refused(f"process {victim} did not die within {DEATH_LIMIT_S} s of SIGKILL")
        survivors = [pid for pid in candidates if pid != victim and tree.alive(pid)]
        return _exit(name, victim, signal.SIGKILL, killed=[victim], survivors=[parent, *survivors])

    def pause(self, pid: int) -> dict[str, Any]:
        """Stops the tree. Answers with the processes that were seen in state T."""
        name = self._named(pid)
        return {"stopped": list(filter(tree.stopped, tree.freeze(lambda: self._members(name, pid))))}

    def resume(self, pid: int) -> dict[str, Any]:
        """Lets the tree run again. Answers with what is still stopped."""
        name = self._named(pid)
        return {"stopped": tree.thaw(lambda: self._members(name, pid))}

    def signal(self, pid: int, number: int) -> dict[str, Any]:
        """Sends a signal to the process alone."""
        self._named(pid)
        os.kill(pid, number)
        return {}

    def sweep(self, name: str) -> dict[str, Any]:
        """Kills what a process of that name has left behind; refused while it runs."""
        if name in self.mains.values():
            raise Refused(f"the process named {name!r} is running")
        return {"killed": list(self._kill_tree(name))}

    def clean(self, socket: str, run: str) -> dict[str, Any]:
        """Takes on the containers of a run: they are removed with everything else in the end."""
        self.janitor = Janitor(socket=socket, run=run)
        return {}

    def _kill_tree(self, name: str, main: int | None = None) -> dict[int, int]:
        return self._kill_members(lambda: self._members(name, main), [self.marks.of(name)])

    def _kill_members(self, find: Callable[[], list[int]], marks: Collection[int]) -> dict[int, int]:
        """Stops all, so that nobody can fork or finish any work, then kills all, until a look finds nobody.

        Args:
            find: looks for them. marks: that they carry.

        Returns:
            wait status of each process, as the kernel gave it to its parent, which we are or become.
        """
        deaths: dict[int, int] = {}
        while (members := tree.freeze(find)) or self._stop_orphans(marks):
            for pid in members:
                tree.send(pid, signal.SIGKILL)
            died = self._await_deaths(members)
            deaths |= died
            if len(died) < len(members):
                break
        return deaths

    def _stop_orphans(self, marks: Collection[int]) -> bool:
        """Stops those that have become our children, and buries the dead. Returns whether there was anybody.

        A look at all processes takes milliseconds; who forks and exits faster than that is gone when it ends.
        But each of them becomes ours, so a look at our own children, which takes none, catches the one that lives.
        """
        orphans = [pid for pid in tree.marked(marks, reversed(tree.children(self.pid))) if pid not in self.mains]
        for pid in orphans:
            tree.send(pid, signal.SIGSTOP)
        return any([self._bury(pid) or tree.alive(pid) for pid in orphans])  # noqa: C419  # all of them, not only the first

    def _bury(self, pid: int) -> bool:
        """Reaps an orphan that has ended. Returns whether it had."""
        with contextlib.suppress(ChildProcessError):
            return os.waitpid(pid, os.WNOHANG)[0] == pid
        return False

    def _await_deaths(self, pids: list[int]) -> dict[int, int]:
        """Waits for the end of each. An orphan becomes our child when its parent has died, so all of them do."""
        deaths: dict[int, int] = {}

        def all_dead() -> bool:
            for pid in [pid for pid in pids if pid not in deaths]:
                try:
                    ended, status = os.waitpid(pid, os.WNOHANG)
                except ChildProcessError:  # not yet ours, or buried by a parent that asked not to be told
                    ended, status = (0, 0) if os.path.exists(f"/proc/{pid}") else (pid, signal.SIGKILL)
                if ended:
                    deaths[pid] = status
            return len(deaths) == len(pids)

        tree.wait_until(all_dead, DEATH_LIMIT_S)
        return deaths

    def _kill_all(self) -> list[int]:
        """Kills all that descends from the keeper or carries one of its marks."""
        marks = self.marks.given() if self.marks.unmistakable else []
        ours = partial(tree.children, self.pid)
        return list(self._kill_members(lambda: tree.descendants([*ours(), *tree.marked(marks)]), self.marks.given()))


def _import(name: str, member: str) -> bool:
    """As `import name` or `from name import member`. Returns whether it could; if not, that is the service's affair."""
    with contextlib.suppress(Exception, SystemExit):
        module = import_module(name)
        if member and not hasattr(module, member):
            import_module(f"{name}.{member}")
        return True
    return False


def _exit(
    name: str, pid: int, status: int, *, killed: list[int] | None = None, survivors: list[int] | None = None
) -> dict[str, Any]:
    """The fields of an `Exit` from a wait status."""
    by_signal = os.WIFSIGNALED(status)
    return {
        "name": name,
        "pid": pid,
        "status": None if by_signal else os.WEXITSTATUS(status),
        "signal": os.WTERMSIG(status) if by_signal else None,
        "killed": killed or [],
        "survivors": survivors or [],
    }


if __name__ == "__main__":
    main(int(sys.argv[1]))
