"""What the harness and its keeper tell each other, as plain data; both ends import it, so only the standard library."""

from __future__ import annotations

import signal as signals
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["Exit", "Module", "Start"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Module:
    """A module of a service, named so that the keeper can preload the libraries that it imports.

    name: dotted name, as in `app = "package.module:app"` before the colon.
    path: folders searched before site-packages, first wins; usually the folder of the manifest.
    """

    name: str
    path: tuple[str, ...] = ()

    @staticmethod
    def from_json(record: dict[str, Any]) -> Module:
        """The module that was sent as a JSON object."""
        return Module(name=record["name"], path=tuple(record["path"]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """How a process comes to life. Exactly one of `command`, `app` and `main` is given.

    name: whose process it is; one process of a name runs at a time, and its tree is known by this name.
    command: argument list of any program, found on the PATH of `env` or relative to `cwd`.
    app: `package.module:attribute` of an ASGI application, served on 127.0.0.1 at `port`.
    main: `package.module:attribute` of a function without arguments, plain or async.
    port: where the application listens; commands are told by their arguments or environment.
    env: the whole environment, nothing is added.
    cwd: folder it runs in.
    path: folders put in front of `sys.path`, for `app` and `main`.
    log: file that receives its output, appended to.
    """

    name: str
    env: Mapping[str, str]
    cwd: Path
    log: Path
    command: tuple[str, ...] = ()
    app: str = ""
    main: str = ""
    port: int | None = None
    path: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if sum(map(bool, (self.command, self.app, self.main))) != 1:
            raise ValueError(f"process {self.name!r} needs exactly one of command, app, main")
        if self.app and self.port is None:
            raise ValueError(f"process {self.name!r} is an app and needs a port")

    @staticmethod
    def from_json(record: dict[str, Any]) -> Start:
        """The start that was sent as a JSON object with paths as text."""
        paths = {key: Path(record[key]) for key in ("cwd", "log")}
        lists = {key: tuple(record[key]) for key in ("command", "path")}
        return Start(**{**record, **paths, **lists})


@dataclass(frozen=True, slots=True, kw_only=True)
class Exit:
    """How a process ended, as its parent learnt it from the kernel.

    name, pid: which process.
    status: its exit status, None where a signal ended it or where only its death is known.
    signal: number of the signal that ended it, else None.
    killed: every process of its tree that was killed with it or after it, seen dead; the process itself only if killed.
    survivors: processes of its tree that are still alive.
    """

    name: str
    pid: int
    status: int | None = None
    signal: int | None = None
    killed: tuple[int, ...] = field(default=())
    survivors: tuple[int, ...] = field(default=())

    @property
    def how(self) -> str:
        """In words: `exit status 1`, `SIGKILL`."""
        if self.signal is not None:
            return signals.Signals(self.signal).name
        return "unknown end" if self.status is None else f"exit status {self.status}"

    @staticmethod
    def from_json(record: dict[str, Any]) -> Exit:
        """The exit that was sent as a JSON object."""
        return Exit(**{**record, "killed": tuple(record["killed"]), "survivors": tuple(record["survivors"])})
