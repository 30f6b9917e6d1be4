"""However the harness ends, 5 s later no process, port or folder of it is left."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness.targets import tree

HARNESS = """
import asyncio, json, os, sys
from pathlib import Path
from harness.targets.keeper import Keeper
from harness.targets.messages import Module, Start
from harness.targets.ports import ReservedPort
from harness.targets.ready import Readiness, wait_until_ready

DAEMON = "import os, signal\\nif os.fork() == 0:\\n os.setsid()\\n if os.fork() == 0: signal.pause()\\n"
DAEMON += " os._exit(0)\\nos.wait()\\nprint('up', flush=True)\\nsignal.pause()"

async def main(folder, services):
    keeper = await Keeper.start(folder, [Module(name="plain", path=(services,))])
    with ReservedPort() as port:
        usual = {"env": dict(os.environ), "cwd": folder, "path": (services,)}
        app = Start(name="app", app="plain:app", port=port.number, log=folder / "app.log", **usual)
        running = await keeper.spawn(app)
        await wait_until_ready(running, Readiness(how="tcp"), port=port.number, log=app.log)
        command = Start(name="daemon", command=(sys.executable, "-c", DAEMON), log=folder / "daemon.log", **usual)
        daemon = await keeper.spawn(command)
        while "up" not in command.log.read_text(): await asyncio.sleep(0.01)
        paused = await keeper.pause(running.pid)
        members = [keeper.pid, running.pid, *(await keeper.pause(daemon.pid))]
        if os.environ.get("FORKED"):
            if os.fork() == 0:  # inherits the connection, and outlives the harness
                os.close(1)
                import time; time.sleep(8); os._exit(0)
        print(json.dumps({"members": members, "port": port.number}), flush=True)
        await asyncio.sleep(60)

asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
"""
SERVICES = str(Path(__file__).parent / "services")
PROMISED_S = 5.0


def start_harness(folder: Path, **env: str) -> tuple[subprocess.Popen[str], list[int], int]:
    """A harness in a session of its own, with an app, a daemon and a paused process; its processes and its port."""
    root = str(Path(__file__).parents[2])
    harness = subprocess.Popen(
        [sys.executable, "-c", HARNESS, str(folder), SERVICES],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": root, **env},
    )
    assert harness.stdout is not None
    told = json.loads(harness.stdout.readline())
    assert len(told["members"]) == 4
    assert all(map(tree.alive, told["members"]))
    return harness, told["members"], told["port"]


def nothing_left(members: list[int], port: int, folder: Path) -> bool:
    """Whether all processes and the folder are gone, and the port can be had by anybody."""
    if any(map(tree.alive, members)) or folder.exists():
        return False
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", port))  # without SO_REUSEADDR: nobody may hold it
    return True


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_nothing_is_left_after_a_signal_to_the_harness(number: int, tmp_path: Path) -> None:
    """The signal goes to the whole process group, as a Ctrl-C in a terminal does."""
    folder = tmp_path / "universe"
    harness, members, port = start_harness(folder)
    os.killpg(harness.pid, number)
    harness.wait(PROMISED_S)
    assert tree.wait_until(lambda: nothing_left(members, port, folder), PROMISED_S)


def test_nothing_is_left_where_a_fork_of_the_harness_lives_on(tmp_path: Path) -> None:
    """A fork that inherited the connection keeps it open; the keeper watches the harness's process as well."""
    folder = tmp_path / "universe"
    harness, members, _ = start_harness(folder, FORKED="1")
    harness.kill()
    harness.wait(PROMISED_S)
    members_gone = tree.wait_until(lambda: not any(map(tree.alive, members)) and not folder.exists(), PROMISED_S)
    os.killpg(harness.pid, signal.SIGKILL)  # the fork
    assert members_gone


@pytest.mark.parametrize("after_s", [0.0, 0.05, 0.1, 0.2, 0.4])
def test_nothing_is_left_where_the_harness_dies_early(after_s: float, tmp_path: Path) -> None:
    """While the keeper is starting, or preloading, or has just started its first process."""
    folder = tmp_path / "universe"
    root = str(Path(__file__).parents[2])
    harness = subprocess.Popen(
        [sys.executable, "-c", HARNESS, str(folder), SERVICES],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": root},
    )
    time.sleep(after_s)
    harness.kill()
    harness.wait()
    assert tree.wait_until(lambda: not _mentioning(str(folder)) and not folder.exists(), PROMISED_S)


def test_nothing_is_left_where_the_harness_dies_during_a_long_preload(tmp_path: Path) -> None:
    """The keeper looks up from its imports: ten seconds of them are given up when the harness is gone."""
    folder, libraries = tmp_path / "universe", tmp_path / "libraries" / "site-packages"
    libraries.mkdir(parents=True)
    for number in range(40):
        (libraries / f"slow_{number}.py").write_text("import time\ntime.sleep(0.25)\n")
    (tmp_path / "plain.py").write_text("".join(f"import slow_{number}\n" for number in range(40)))
    harness = subprocess.Popen(
        [sys.executable, "-c", HARNESS, str(folder), str(tmp_path)],
        env={**os.environ, "PYTHONPATH": f"{Path(__file__).parents[2]}:{libraries}"},
    )
    assert tree.wait_until(folder.exists, PROMISED_S)
    harness.kill()
    harness.wait()
    assert tree.wait_until(lambda: not _mentioning(str(folder)) and not folder.exists(), PROMISED_S)


def _mentioning(text: str) -> list[str]:
    """Processes whose folder or open files lie where the text says."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            places = [os.readlink(f"/proc/{pid}/cwd"), *_files(pid)]
        except OSError:
            continue
        found += [pid for place in places if text in place]
    return found


def _files(pid: str) -> list[str]:
    return [os.readlink(f"/proc/{pid}/fd/{descriptor}") for descriptor in ("1", "2")]
