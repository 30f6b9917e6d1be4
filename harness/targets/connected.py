"""Which child of a process holds a connection: of several that stand ready, the one that does the work."""

from __future__ import annotations

import psutil

__all__ = ["child_connected_to"]


def child_connected_to(pid: int, port: int) -> int | None:
    """The youngest descendant of `pid` with a connection to a port of the loopback interface, as the kernel lists it.

    Returns:
        None where no descendant has one: the process makes its calls itself, or cannot be seen from here.
    """
    try:
        family = psutil.Process(pid).children(recursive=True)
    except psutil.Error:
        return None
    callers = [child for child in family if _connected(child, port)]
    return max(callers, key=lambda child: child.create_time()).pid if callers else None


def _connected(process: psutil.Process, port: int) -> bool:
    try:
        return any(each.raddr and each.raddr.port == port for each in process.net_connections(kind="tcp"))
    except psutil.Error:
        return False
