"""The keeper's side of a kill, in a process of its own that orphans fall to."""

from __future__ import annotations

import subprocess
import sys

from tests.targets.test_keeper import RUNAWAY

KEEPER = f"""
import os, pathlib, socket, subprocess, sys, time
from harness.targets import tree
from harness.targets.keeper_main import Keeper
from harness.targets.service import BE_SUBREAPER, process_control
process_control(BE_SUBREAPER, 1)
keeper = Keeper(socket.socketpair()[0], pathlib.Path("."))
mark = keeper.marks.of("service")
command, take_mark = [sys.executable, "-c", {RUNAWAY!r}], lambda: tree.take_mark(mark)
runaway = subprocess.Popen(command, stdout=subprocess.PIPE, preexec_fn=take_mark)
runaway.stdout.readline()
too_late = lambda: [pid for pid in tree.marked([mark]) if tree.stopped(pid)]
os.kill(runaway.pid, 9)
keeper._kill_members(too_late, [mark])
print("left", sum(map(tree.alive, tree.marked([mark]))))
"""


def test_who_is_never_there_when_looked_for_is_stopped_among_our_children() -> None:
    """The look at all processes is always too late here: it finds only what stands still already."""
    ended = subprocess.run([sys.executable, "-c", KEEPER], capture_output=True, text=True, timeout=60, check=False)
    assert ended.stdout == "left 0\n", ended.stderr
