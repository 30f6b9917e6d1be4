"""Folders of keepers that were killed themselves, the one end that leaves something: the next keeper removes them.

A keeper holds a lock on a file in its folder for as long as it lives, and the kernel lets go of it in whatever way it
ends. So a folder whose file can be locked belongs to nobody any more.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
from pathlib import Path

__all__ = ["LOCK", "hold", "remove_folder", "remove_remains"]

LOCK = "held.log"
"""What the keeper itself prints, and the file that it locks."""
OURS = re.compile(r"retrigger-[0-9a-f]{8}")


def hold(folder: Path, log: int) -> None:
    """Takes the lock of a new folder, and only then gives the file its name: no one finds it without the lock.

    Args:
        folder: the keeper's folder. log: descriptor of the file `{LOCK}.new` in it.
    """
    fcntl.flock(log, fcntl.LOCK_EX)
    (folder / f"{LOCK}.new").rename(folder / LOCK)


def remove_remains(parent: Path) -> list[Path]:
    """Removes what keepers of the same user have left in a folder; returns what was removed."""
    removed = []
    for folder in parent.iterdir():
        if OURS.fullmatch(folder.name) and _is_nobodys(folder):
            remove_folder(folder)
            removed.append(folder)
    return removed


def _is_nobodys(folder: Path) -> bool:
    """Whether it is a keeper's folder of our own, and its keeper is gone."""
    try:
        if folder.is_symlink() or folder.stat().st_uid != os.geteuid():
            return False
        with (folder / LOCK).open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
    except OSError:  # it lives, or is somebody else's, or is just being made or removed
        return False


def remove_folder(folder: Path) -> None:
    """Removes a folder with all that is in it, also below folders that their owner made read-only."""
    shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():
        for parent, folders, _ in os.walk(folder):
            for name in folders:
                if not os.path.islink(path := os.path.join(parent, name)):
                    with contextlib.suppress(OSError):
                        os.chmod(path, 0o700)
        shutil.rmtree(folder, ignore_errors=True)
