"""Which child of a process holds a connection: of several that stand ready, the one that does the work.

Read from /proc at once and not process by process, because the call that is looked for may have a short time limit.
"""

from __future__ import annotations

import contextlib
import os

from harness.targets import tree

__all__ = ["child_connected_to"]


def child_connected_to(pid: int, port: int) -> int | None:
    """The youngest descendant of `pid` with a connection to a port of the loopback interface, as the kernel lists it.

    Returns:
        None where no descendant has one: the process makes its calls itself, or cannot be seen from here.
    """
    sockets = {f"socket:[{inode}]" for inode in _inodes(pid, port)}
    callers = [child for child in tree.descendants([pid]) if child != pid and sockets & _open(child)]
    return max(callers, key=tree.born, default=None)


def _inodes(pid: int, port: int) -> set[str]:
    """The sockets of the network that this process sees which are connected to the port."""
    suffix, found = f":{port:04X}", set()
    for family in ("tcp", "tcp6"):
        with contextlib.suppress(OSError), open(f"/proc/{pid}/net/{family}") as listing:
            found |= {fields[9] for line in listing if (fields := line.split())[2].endswith(suffix)}
    return found - {"0"}


def _open(pid: int) -> set[str]:
    """What the file descriptors of a process lead to."""
    found: set[str] = set()
    with contextlib.suppress(OSError):
        for name in os.listdir(f"/proc/{pid}/fd"):
            with contextlib.suppress(OSError):
                found.add(os.readlink(f"/proc/{pid}/fd/{name}"))
    return found
