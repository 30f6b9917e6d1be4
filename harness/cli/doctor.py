"""`doctor`: what is here, which mode works, and the exact line that installs what is missing."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import platform
import shutil
import sys
from collections.abc import Callable

from rich.console import Console
from rich.table import Table

from harness.errors import HarnessError, SetupError
from harness.network import find_server
from harness.runner.workshop import fast_folder
from harness.stores.jetstream import nats_server
from harness.stores.postgres import postgres_server
from harness.stores.restate import restate_server

__all__ = ["doctor"]

OK, LACKING, ABSENT = "ok", "!!", "--"


def doctor() -> int:
    """Prints a line for each part; returns 0 where the demo can run with real parts, 3 where only with stand-ins."""
    table = Table(box=None, show_header=False, pad_edge=False)
    rows = [_python(), _toxiproxy(), _nats(), _server("postgres", postgres_server), _redis()]
    rows += [_server("restate", restate_server), _temporal()]
    rows += [*map(_library, ("dbos", "docker")), _engine(), _strace(), _memory()]
    for row in rows:
        table.add_row(*row)
    Console(highlight=False).print(table)
    return 3 if any(mark == LACKING for mark, *_ in rows) else 0


def _python() -> tuple[str, str, str]:
    return (OK if sys.platform == "linux" else LACKING, "python", f"{platform.python_version()} on {sys.platform}")


def _toxiproxy() -> tuple[str, str, str]:
    try:
        server = find_server()
    except SetupError as error:
        return LACKING, "toxiproxy", str(error)
    steps = "\n".join(str(step) for step in server.steps)
    advice = "" if server.real else "\ninstall Go, or put toxiproxy-server on PATH, to have the real one"
    return OK if server.real else LACKING, "toxiproxy", f"{server}\n{steps}{advice}"


def _nats() -> tuple[str, str, str]:
    try:
        return OK, "nats", nats_server()
    except SetupError as error:
        return LACKING, "nats", str(error)


def _server(name: str, find: Callable[[], str]) -> tuple[str, str, str]:
    """A server that only some manifests need."""
    try:
        return OK, name, find()
    except SetupError as error:
        return ABSENT, name, f"absent (needed only for a resource of kind {name}): {error.problems[0].fix}"


def _redis() -> tuple[str, str, str]:
    if importlib.util.find_spec("redis") is None:
        return ABSENT, "redis", "absent (needed only for a resource of kind redis): pip install redis"
    from harness.stores.redis import redis_server

    return _server("redis", redis_server)


def _temporal() -> tuple[str, str, str]:
    if importlib.util.find_spec("temporalio") is None:
        return ABSENT, "temporal", "absent (needed only for a resource of kind temporal): make engines"
    from harness.stores.temporal import temporal_server

    return _server("temporal", temporal_server)


def _library(name: str) -> tuple[str, str, str]:
    try:
        return OK, name, importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ABSENT, name, f"absent: pip install {name}"


def _engine() -> tuple[str, str, str]:
    from harness.targets.engine import require_images

    try:
        return OK, "container engine", require_images(())
    except HarnessError as error:
        return ABSENT, "container engine", f"none answers (not needed)\n{error.problems[0].got}"


def _strace() -> tuple[str, str, str]:
    found = shutil.which("strace")
    return (OK if found else ABSENT), "strace", found or "absent: sweep needs it, and compound leaves plans out"


def _memory() -> tuple[str, str, str]:
    return OK, "folders", str(fast_folder())
