"""However a run ends, nothing of it stays: no process, no port, no folder."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.cli.command import ENVIRONMENT, RETRIGGER

MARK = "RUN_OF_TEST"
SOON_S = 5.0
START_S = 60.0
LISTENS = "0A"
FOLDER = re.compile(r"(/[\w/.-]*/retrigger-[0-9a-f]{8})")


class Run:
    """A run in the background, whose processes all carry a mark of their own in their environment."""

    def __init__(self, folder: Path, *args: str) -> None:
        self.mark = uuid.uuid4().hex
        self.output = folder / "output"
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [*RETRIGGER, *args],
                cwd=folder,
                env=ENVIRONMENT | {MARK: self.mark},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.folders: set[Path] = set()
        self.doors: set[str] = set()

    def processes(self) -> list[psutil.Process]:
        """Everything alive that this run has started, itself included."""
        return [process for process in psutil.process_iter() if self._is_ours(process)]

    def _is_ours(self, process: psutil.Process) -> bool:
        with contextlib.suppress(psutil.Error):
            return process.environ().get(MARK) == self.mark and process.status() != psutil.STATUS_ZOMBIE
        return False

    def look(self) -> None:
        """Notes the folders and listening sockets that there are just now."""
        for process in self.processes():
            with contextlib.suppress(psutil.Error, OSError):
                told = [*process.cmdline(), *(file.path for file in process.open_files())]
                self.folders |= {Path(found) for text in told for found in FOLDER.findall(text)}
                self.doors |= sockets_of(process.pid) & listening_sockets()

    def is_in_the_middle(self, workers: int) -> bool:
        """Every worker has a folder, and cases have been run."""
        self.look()
        cases = [case for folder in self.folders for case in folder.glob("u*/case*")]
        return len(self.folders) >= workers and any(int(case.name[4:]) > 2 for case in cases)

    def end(self) -> None:
        """Whatever the test found, nothing of it may stay in the machine."""
        for process in self.processes():
            with contextlib.suppress(psutil.Error):
                process.kill()
        self.process.wait(SOON_S)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Run]]:
    """Starts runs, and makes sure that the test itself leaves nothing."""
    runs: list[Run] = []

    def begin(*args: str) -> Run:
        runs.append(Run(tmp_path, *args))
        return runs[-1]

    yield begin
    for run in runs:
        run.end()


def until(condition: Callable[[], object], limit_s: float) -> bool:
    """Whether something comes true in time."""
    deadline_s = time.monotonic() + limit_s
    while not condition():
        if time.monotonic() > deadline_s:
            return False
        time.sleep(0.02)
    return True


def sockets_of(pid: int) -> set[str]:
    """The sockets that a process has open, by their inodes: a port may be somebody else's a moment later."""
    links = []
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed since the folder was read
            links.append(os.readlink(descriptor))
    return {link.removeprefix("socket:[").removesuffix("]") for link in links if link.startswith("socket:[")}


def listening_sockets() -> set[str]:
    """The inodes of all sockets of this machine that listen."""
    rows = (row.split() for row in Path("/proc/net/tcp").read_text().splitlines()[1:])
    return {row[9] for row in rows if row[3] == LISTENS}


def interrupt(run: Run) -> None:
    """Ctrl-C in a terminal: SIGINT to the whole group in the foreground."""
    os.killpg(run.process.pid, signal.SIGINT)


def terminate(run: Run) -> None:
    """What a machine sends that wants to stop."""
    run.process.send_signal(signal.SIGTERM)


def kill(run: Run) -> None:
    """What nobody can hear."""
    run.process.kill()


@pytest.mark.parametrize(
    ("end", "status", "system", "workers"),
    [
        (interrupt, 130, "caller_queue", 2),
        (terminate, 130, "caller_queue", 2),
        (kill, -signal.SIGKILL, "caller_queue", 2),
        (interrupt, 130, "callee_inbox", 1),
        (terminate, 130, "callee_inbox", 1),
    ],
    ids=["ctrl-c-2", "term-2", "kill-2", "ctrl-c-1", "term-1"],
)
def test_end_in_the_middle_leaves_nothing(
    start: Callable[..., Run], end: Callable[[Run], None], status: int, system: str, workers: int
) -> None:
    """Five seconds later there is no process of the run, no folder and no open port; the exit status says what came."""
    run = start("run", system, "-n", str(workers), "--explore", "single")
    assert until(lambda: run.is_in_the_middle(workers), START_S), run.output.read_text()
    assert len(run.processes()) >= 3 * workers
    assert run.doors & listening_sockets()
    end(run)
    assert until(lambda: not run.processes(), SOON_S), [process.cmdline() for process in run.processes()]
    assert run.process.wait(SOON_S) == status
    assert [folder for folder in run.folders if folder.exists()] == []
    assert not run.doors & listening_sockets()
    assert "Traceback" not in run.output.read_text()


def test_run_that_ends_by_itself_leaves_nothing(start: Callable[..., Run]) -> None:
    """The ordinary end is as clean as the others."""
    run = start("run", "callee_inbox", "-n", "2", "--explore", "core")
    while run.process.poll() is None:
        run.look()
    assert run.process.returncode == 0
    assert run.folders
    assert run.doors
    assert until(lambda: not run.processes(), SOON_S)
    assert [folder for folder in run.folders if folder.exists()] == []
    assert not run.doors & listening_sockets()
