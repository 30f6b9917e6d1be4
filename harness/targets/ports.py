"""Ports that stay with a process over its deaths.

A reserved port is held by a socket that is bound but never listens. While the process is dead the kernel refuses
connections to it; the kernel gives it to nobody who asks for any free port; and the process itself can bind it, because
servers set SO_REUSEADDR, as this socket does (uvicorn, Node, Go and Python's http.server do).
"""

from __future__ import annotations

import socket
from types import TracebackType
from typing import Self

__all__ = ["HOST", "ReservedPort"]

HOST = "127.0.0.1"


class ReservedPort:
    """A port on the loopback interface that is ours until `release`, or the end of a `with`.

    number: the port, chosen by the kernel.
    """

    def __init__(self) -> None:
        self._holder = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._holder.bind((HOST, 0))
        self.number: int = self._holder.getsockname()[1]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def release(self) -> None:
        """Gives the port back. Also the way out for a server that does not set SO_REUSEADDR, at its own risk."""
        self._holder.close()
