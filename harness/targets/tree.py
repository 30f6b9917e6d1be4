"""Which processes belong together, and doing something to all of them at once.

A process tree is found by a mark that every process gets from its parent and hardly anything removes: the soft resource
limit RLIMIT_RTTIME, set to a number of our own. The limit counts only for real-time scheduling and the number stands
for years, so it changes nothing; but it is inherited over fork and exec, over double forks, new sessions and cleared
environments, where parent links and environment variables get lost. Children of marked processes count as well,
whatever their mark.
"""

from __future__ import annotations

import contextlib
import os
import random
import resource
import signal
import time
from collections.abc import Callable, Collection, Iterable

__all__ = [
    "Marks",
    "alive",
    "born",
    "children",
    "descendants",
    "freeze",
    "marked",
    "send",
    "stopped",
    "take_mark",
    "thaw",
    "wait_until",
]

LOOK_AGAIN_S = 0.0002
FREEZE_LIMIT_S = 2.0


class Marks:
    """Hands out one mark per name, hard to mistake for those of another universe on the same machine."""

    def __init__(self) -> None:
        hard = resource.getrlimit(resource.RLIMIT_RTTIME)[1]
        ceiling = 2**62 if hard == resource.RLIM_INFINITY else hard
        self.unmistakable = ceiling == 2**62
        """Whether a mark alone proves whose process it is: with a low hard limit the numbers are too few."""
        self._next = ceiling - random.SystemRandom().randrange(ceiling // 4)
        self._of: dict[str, int] = {}

    def of(self, name: str) -> int:
        """The mark of this name, the same at every call."""
        if name not in self._of:
            self._of[name] = self._next
            self._next -= 1
        return self._of[name]

    def given(self) -> list[int]:
        """All marks handed out so far."""
        return list(self._of.values())


def take_mark(mark: int) -> None:
    """Marks the calling process and all that it will ever start."""
    resource.setrlimit(resource.RLIMIT_RTTIME, (mark, resource.getrlimit(resource.RLIMIT_RTTIME)[1]))


def marked(marks: Collection[int], among: Iterable[int] | None = None) -> list[int]:
    """Every process on the machine, or among these, that carries one of the marks; dead ones not yet reaped too."""
    pids = map(int, filter(str.isdigit, os.listdir("/proc"))) if among is None else among
    return [pid for pid in pids if _mark_of(pid) in marks]


def _mark_of(pid: int) -> int | None:
    try:
        return resource.prlimit(pid, resource.RLIMIT_RTTIME)[0]
    except (ProcessLookupError, PermissionError):
        return None


def children(pid: int) -> list[int]:
    """The children of all threads of a process; none where it is gone or the kernel does not list them."""
    found: list[int] = []
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            with contextlib.suppress(OSError), open(f"/proc/{pid}/task/{thread}/children") as listing:
                found += map(int, listing.read().split())
    return found


def descendants(roots: Iterable[int]) -> list[int]:
    """The roots and all that descends from them, parents before children, without the dead."""
    found = list(dict.fromkeys(roots))
    for pid in found:  # grows while it is walked
        found += [child for child in children(pid) if child not in found]
    return [pid for pid in found if alive(pid)]


def _states(pid: int) -> set[str]:
    """State letters of all threads, as in `ps`; empty where the process is gone."""
    letters = set()
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            with contextlib.suppress(OSError), open(f"/proc/{pid}/task/{thread}/stat") as stat:
                letters.add(stat.read().rpartition(")")[2].split()[0])
    return letters


def alive(pid: int) -> bool:
    """Whether the process exists and has not ended; a zombie has ended."""
    return bool(_states(pid) - set("ZX"))


def born(pid: int) -> int:
    """When a process was started, in clock ticks since boot; 0 where it is gone."""
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return int(stat.read().rpartition(")")[2].split()[19])
    except OSError:
        return 0


def stopped(pid: int) -> bool:
    """Whether the process is alive and all of its threads stand still."""
    states = _states(pid) - set("ZX")
    return bool(states) and not states - set("Tt")


def send(pid: int, number: int) -> None:
    """Sends a signal to one process. That it is gone or not ours is no error here: who asks looks at the effect."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def wait_until(condition: Callable[[], bool], limit_s: float) -> bool:
    """Looks again and again, for at most `limit_s` seconds. Returns whether the condition came true."""
    end_s = time.monotonic() + limit_s
    while not condition():
        if time.monotonic() > end_s:
            return False
        time.sleep(LOOK_AGAIN_S)
    return True


def freeze(find: Callable[[], list[int]]) -> list[int]:
    """Stops all that `find` finds, parents first, and looks again until nothing new has appeared.

    A process that is about to fork when the signal comes forks before it stops or not at all, so the last look, made
    when everybody stands still, is complete.

    Returns:
        all that was found; each stands still now (see `stopped`) unless it ended or could not be stopped within 2 s.
    """
    found: list[int] = []
    while new := [pid for pid in find() if pid not in found]:
        for pid in new:
            send(pid, signal.SIGSTOP)
        found += new
        wait_until(lambda: not any(alive(pid) and not stopped(pid) for pid in new), FREEZE_LIMIT_S)
    return found


def thaw(find: Callable[[], list[int]]) -> list[int]:
    """Lets all that `find` finds run again, children first, so that no parent wakes up to stopped children.

    Returns:
        the processes that are still stopped after 2 s; empty when all is well.
    """
    members = find()
    for pid in reversed(members):
        send(pid, signal.SIGCONT)
    wait_until(lambda: not any(map(stopped, members)), FREEZE_LIMIT_S)
    return list(filter(stopped, members))
