"""How a Python service begins: an ASGI application is served, a function is called, and somebody is told when.

A forked process calls `serve` or `call`. A container gets this very text (`command_line`) as `python -c TEXT ...`, so
that any image will do that holds Python, the service, and uvicorn where it is an application. Hence the one rule of
this module: it imports nothing but the standard library, and uvicorn only where it is needed.
"""

from __future__ import annotations

import asyncio
import inspect
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

__all__ = ["call", "command_line", "serve"]


def serve(app: str, host: str, port: int, announce: Callable[[], None]) -> None:
    """Serves the ASGI application `package.module:attribute`, and calls `announce` when its port is open."""
    import uvicorn

    class Server(uvicorn.Server):
        """Tells when the port is open, so that nobody needs to ask."""

        async def startup(self, sockets: Any = None) -> None:
            await super().startup(sockets)
            announce()

    Server(uvicorn.Config(_load(app), host=host, port=port, log_level="warning", access_log=False)).run()


def call(main: str, announce: Callable[[], None]) -> None:
    """Calls the function `package.module:attribute`, plain or async, and calls `announce` just before."""
    function = _load(main)
    announce()
    result = function()
    if inspect.iscoroutine(result):
        asyncio.run(result)


def _load(place: str) -> Any:
    """The attribute that `package.module:attribute` names, its module imported now."""
    module, _, attribute = place.partition(":")
    return getattr(import_module(module), attribute)


def command_line(*, app: str = "", main: str = "", host: str, port: int, up: Path) -> tuple[str, ...]:
    """The command that begins a service in a container.

    Args:
        app, main: `package.module:attribute`; one of them.
        host, port: where an application listens.
        up: file that is made when the service listens, or when its `main` is called.
    """
    text = Path(__file__).read_text(encoding="utf-8")
    return ("python3", "-u", "-c", text, "app" if app else "main", app or main, host, str(port), str(up))


def _begin(way: str, place: str, host: str, port: str, up: str) -> None:
    sys.argv[:] = [place]
    if way == "app":
        serve(place, host, int(port), Path(up).touch)
    else:
        call(place, Path(up).touch)


if __name__ == "__main__":
    _begin(*sys.argv[1:])
