"""`python -m harness.network.provide FILE`: a copy of the real Toxiproxy server, for an image to be made of."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from harness.errors import SetupError
from harness.network.find import find_server

__all__ = ["provide"]


def provide(place: Path) -> None:
    """Copies the server that is found, downloaded or built here to `place`.

    Raises:
        SetupError: there is only the built-in stand-in.
    """
    server = find_server()
    if server.path is None:
        raise SetupError("no real Toxiproxy server: " + "; ".join(map(str, server.steps)))
    shutil.copy(server.path, place)


if __name__ == "__main__":
    try:
        provide(Path(sys.argv[1]))
    except SetupError as error:
        sys.exit(str(error))
