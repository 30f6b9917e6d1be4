"""What a freshly forked process does before the service's own first line: becoming the process that was asked for.

It leaves the keeper's session, takes its mark, environment, folder and log, forgets what belongs to the keeper, and
then either runs another program or imports the service. Everything the service sees is its own: module state,
environment, signal handlers, random numbers. Only the libraries it imports were loaded before.
"""

from __future__ import annotations

import ctypes
import gc
import os
import random
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

from harness.targets.entry import call, serve
from harness.targets.messages import Start
from harness.targets.tree import take_mark

__all__ = ["SERVER_MODULES", "Child", "become", "open_log", "process_control", "write_to"]

SERVER_MODULES = (
    "uvicorn",
    "uvicorn.lifespan.on",
    "uvicorn.loops.auto",
    "uvicorn.protocols.http.auto",
    "uvicorn.protocols.websockets.auto",
)
"""What serving an ASGI application imports, apart from the application."""
COMMAND_NOT_FOUND = 127
DIE_WITH_PARENT, SET_NAME, BE_SUBREAPER = 1, 15, 36
"""Options of prctl(2)."""

_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Child:
    """What the keeper leaves to the process it has just forked.

    start: what to become.
    mark: the mark of its tree.
    keeper: process id of the keeper.
    log: file descriptor of its log.
    announce: file descriptor of a pipe; one byte in it says that the service listens, or that its `main` is called now.
    """

    start: Start
    mark: int
    keeper: int
    log: int
    announce: int


def write_to(log: int) -> None:
    """Sends standard output and errors to a file from now on, and closes its descriptor."""
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)


def open_log(path: Path) -> int:
    """Opens a log for appending, readable by its owner only. Raises OSError."""
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)


def process_control(option: int, value: int | bytes) -> None:
    """prctl(2) for the calling process."""
    if _libc.prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), f"prctl({option}) failed")


def become(child: Child) -> None:
    """Turns the calling process into what was asked for. Returns when the service has come to its own end."""
    start = child.start
    _settle(child)
    if start.command:
        _run_command(start)
    _forget_keeper()
    sys.path[:0] = start.path
    sys.argv[:] = [start.app or start.main]
    if start.app:
        assert start.port is not None
        serve(start.app, "127.0.0.1", start.port, lambda: _announce(child))
    else:
        call(start.main, lambda: _announce(child))


def _settle(child: Child) -> None:
    """Session, mark, name, log, folder, environment, signals: all that is the same for services and commands."""
    start = child.start
    take_mark(child.mark)
    os.setsid()
    process_control(DIE_WITH_PARENT, signal.SIGKILL)  # in case somebody kills the keeper itself
    if os.getppid() != child.keeper:
        os._exit(1)
    process_control(SET_NAME, start.name.encode()[:15])
    write_to(child.log)
    os.chdir(start.cwd)
    os.environ.clear()
    os.environ.update(start.env)
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])  # what was sent since the fork arrives now


def _run_command(start: Start) -> None:
    """Replaces the process by the program; says why in the log where that fails, with a shell's exit status."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # Python ignores it, programs do not expect that
    try:
        os.execvpe(start.command[0], start.command, start.env)
    except OSError as error:
        os.write(2, f"cannot start {start.command[0]!r} in {start.cwd}: {error.strerror}\n".encode())
        os._exit(COMMAND_NOT_FOUND)


def _forget_keeper() -> None:
    """Makes the interpreter look as if it had just been started for this service."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "harness"]:
        del sys.modules[name]  # the service may have a package of that name
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)  # type: ignore[union-attr]
    random.seed()
    if numpy_random := sys.modules.get("numpy.random"):
        numpy_random.seed()
    gc.enable()


def _announce(child: Child) -> None:
    os.write(child.announce, b"!")
    os.close(child.announce)
