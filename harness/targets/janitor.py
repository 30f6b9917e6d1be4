"""Removes the containers of one run, and no others, over the engine's own socket.

The keeper calls it when the harness has ended, in whatever way, so it needs nothing but the standard library. What
belongs to a run is what carries its label; everything else on the engine is not even listed.
"""

from __future__ import annotations

import http.client
import json
import socket
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

__all__ = ["PROCESS_LABEL", "RUN_LABEL", "Janitor"]

RUN_LABEL = "retrigger.run"
"""Label of every container: a name that is new for each worker of each run."""
PROCESS_LABEL = "retrigger.process"
"""Label of every container: the process of the manifest that it is."""

CALL_LIMIT_S = 5.0
LIMIT_S = 15.0
QUIET_S = 1.5
"""A harness that was killed may have asked for a container a moment before; the engine makes it all the same."""
LOOK_AGAIN_S = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Janitor:
    """The containers of one run. socket: path of the engine's socket. run: value of their label."""

    socket: str
    run: str

    def remove_all(self, *, quiet_s: float = 0.0) -> list[str]:
        """Kills and removes the run's containers.

        Args:
            quiet_s: how long there must have been none before it is believed, in seconds.

        Returns:
            the ids of those that are left when time is up; none when all is well, or where the engine is gone.
        """
        end_s, quiet_until_s = time.monotonic() + LIMIT_S, time.monotonic() + quiet_s
        left = self._list()
        while time.monotonic() < end_s and (left or time.monotonic() < quiet_until_s):
            for container in left:
                self._ask("DELETE", f"/containers/{container}?force=1&v=1")
            if left:
                quiet_until_s = time.monotonic() + quiet_s
            else:
                time.sleep(LOOK_AGAIN_S)
            left = self._list()
        return left

    def _list(self) -> list[str]:
        filters = quote(json.dumps({"label": [f"{RUN_LABEL}={self.run}"]}))
        found = self._ask("GET", f"/containers/json?all=1&filters={filters}")
        return [container["Id"] for container in found or ()]

    def _ask(self, method: str, path: str) -> Any:
        """The answer where it is good, else None: whoever asks looks at the effect."""
        connection = _Connection(self.socket)
        try:
            connection.request(method, path)
            answer = connection.getresponse()
            body = answer.read()
            return json.loads(body) if answer.status == 200 else None
        except (OSError, ValueError, http.client.HTTPException):
            return None
        finally:
            connection.close()


class _Connection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("engine", timeout=CALL_LIMIT_S)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)
