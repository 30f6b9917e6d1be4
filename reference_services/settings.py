"""What a service reads from its environment: a folder that survives a kill, addresses, and time constants.

The defaults suit production. A manifest that wants quick cases sets shorter ones and declares them in its triggers.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

__all__ = ["data_file", "file_of", "report", "seconds"]


def data_file(name: str) -> Path:
    """The path of `name` in the durable folder `DATA_DIR`, which is made where it does not exist yet."""
    return file_of("DATA_DIR", name)


def file_of(variable: str, name: str) -> Path:
    """The path of `name` in the folder that an environment variable says, which is made where it does not exist yet."""
    folder = Path(os.environ[variable])
    folder.mkdir(parents=True, exist_ok=True)
    return folder / name


def seconds(name: str, default: float) -> float:
    """The duration in the environment variable `name`, in seconds, or `default`."""
    return float(os.environ.get(name, default))


def report(error: Exception) -> None:
    """Prints one line about an error that is not the end: the work is durable and will be tried again."""
    print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
