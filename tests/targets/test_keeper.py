"""Kill, pause, terminate: each is proven by the kernel, and reaches everything that a process has started."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path

import httpx
import psutil
import pytest

from harness.errors import FaultError, SetupError
from harness.targets import tree
from harness.targets.keeper import Keeper
from harness.targets.messages import Exit, Start
from harness.targets.ports import ReservedPort
from tests.targets.conftest import children_in_log, fetch, python, serve, until

pytestmark = pytest.mark.anyio

FAMILY = """
import os, signal, subprocess, sys
def report(): print("pid", os.getpid(), flush=True)
if os.fork() == 0:                       # a child
    report(); signal.pause()
if os.fork() == 0:                       # a daemon: session of its own, parent gone, environment cleared
    os.setsid()
    if os.fork() == 0:
        os.execve(sys.executable, [sys.executable, "-c",
            "import os, signal; print('pid', os.getpid(), flush=True); signal.pause()"], {})
    os._exit(0)
os.wait()
report(); signal.pause()
"""
RUNAWAY = """
import os, signal, time
if os.fork() == 0:
    os.setsid()
    end_s = time.monotonic() + 20
    while time.monotonic() < end_s:
        if os.fork(): os._exit(0)
    os._exit(0)
print("up", flush=True); signal.pause()
"""


async def family(keeper: Keeper, start: Start) -> tuple[int, list[int]]:
    """A process with a child and a daemon; returns the process and all three."""
    running = await keeper.spawn(start)
    await until(lambda: start.log.exists() and len(children_in_log(start.log)) == 3)
    return running.pid, sorted(children_in_log(start.log))


async def test_a_kill_takes_the_child_and_the_daemon(keeper: Keeper, make: Callable[..., Start]) -> None:
    """A double fork, a session of its own and a cleared environment do not save a process from its tree's end."""
    pid, members = await family(keeper, make(command=python(FAMILY)))
    parents = {psutil.Process(member).ppid() for member in members if member != pid}
    assert parents == {pid, keeper.pid}  # an orphan becomes the keeper's, which so learns how it ends
    exit = await keeper.kill(pid)
    assert (exit.pid, exit.signal, sorted(exit.killed), exit.survivors) == (pid, signal.SIGKILL, members, ())
    assert not any(map(tree.alive, members))


async def test_a_kill_takes_what_a_forked_service_has_forked(keeper: Keeper, make: Callable[..., Start]) -> None:
    """The same for a Python service that forks without exec, so that nothing in its environment could mark it."""
    start = make(main="plain:forking_main")
    running = await keeper.spawn(start)
    await until(lambda: "forked" in start.log.read_text())
    assert len((await keeper.kill(running.pid)).killed) == 3


async def test_a_kill_takes_a_process_that_forks_all_the_time(keeper: Keeper, make: Callable[..., Start]) -> None:
    """A daemon whose process id is another one every millisecond is caught; a look takes longer than that."""
    start = make(command=python(RUNAWAY))
    running = await keeper.spawn(start)
    await until(lambda: "up" in start.log.read_text())
    assert len((await keeper.kill(running.pid)).killed) >= 2
    await asyncio.sleep(0.05)  # what had escaped would show now
    assert await keeper.sweep("service") == ()


async def test_killing_the_parent_leaves_its_orphans(keeper: Keeper, make: Callable[..., Start]) -> None:
    """A fault of its own: what is left can finish the work; a sweep ends it."""
    pid, members = await family(keeper, make(command=python(FAMILY)))
    exit = await keeper.kill(pid, "parent")
    orphans = [member for member in members if member != pid]
    assert (exit.killed, sorted(exit.survivors)) == ((pid,), orphans)
    assert all(map(tree.alive, orphans))
    assert sorted(await keeper.sweep("service")) == orphans


async def test_killing_a_child_leaves_its_parent(keeper: Keeper, make: Callable[..., Start]) -> None:
    """A fault of its own: one descendant, the youngest if none is named."""
    pid, members = await family(keeper, make(command=python(FAMILY)))
    first = (await keeper.kill(pid, "child")).pid
    second = next(member for member in members if member not in (pid, first))
    assert (await keeper.kill(pid, "child", second)).killed == (second,)
    assert tree.alive(pid)
    with pytest.raises(FaultError, match="has no child"):
        await keeper.kill(pid, "child")


async def test_a_kill_of_one_process_leaves_the_others(keeper: Keeper, make: Callable[..., Start]) -> None:
    """Trees are told apart."""
    victim = await serve(keeper, make("victim", main="plain:main"), "none")
    _, members = await family(keeper, make("other", command=python(FAMILY)))
    await keeper.kill(victim.pid)
    assert all(map(tree.alive, members))


async def test_killing_the_dead_is_an_error(keeper: Keeper, make: Callable[..., Start]) -> None:
    """A fault that cannot have landed never looks like one that has."""
    running = await keeper.spawn(make(command=("true",)))
    await asyncio.wait_for(running.exited, 10)
    with pytest.raises(FaultError, match="not running"):
        await keeper.kill(running.pid)


async def test_a_paused_tree_stands_still_and_answers_after_resuming(
    keeper: Keeper, make: Callable[..., Start], port: ReservedPort
) -> None:
    """While stopped, the kernel accepts connections and nobody answers them; the answer comes after the resume."""
    running = await serve(keeper, make(app="plain:app", port=port.number))
    assert await keeper.pause(running.pid) == (running.pid,)
    assert psutil.Process(running.pid).status() == psutil.STATUS_STOPPED
    late = asyncio.create_task(fetch(port))
    await asyncio.sleep(0.1)
    assert not late.done()
    await keeper.resume(running.pid)
    assert (await late).json()["pid"] == running.pid


async def test_a_pause_reaches_the_daemon(keeper: Keeper, make: Callable[..., Start]) -> None:
    """All of the tree stands still, and a paused tree can be killed."""
    pid, members = await family(keeper, make(command=python(FAMILY)))
    stopped = await keeper.pause(pid)
    assert stopped[0] == pid
    assert sorted(stopped) == members
    assert sorted((await keeper.kill(pid)).killed) == members


async def test_termination_is_graceful_where_the_process_obeys(
    keeper: Keeper, make: Callable[..., Start], port: ReservedPort
) -> None:
    """SIGTERM lets a server shut down; what it says in the end is what the exit says."""
    obeys = make(
        command=python(
            "import signal, sys\nsignal.signal(15, lambda *_: sys.exit(7))\nprint('up', flush=True)\nsignal.pause()"
        )
    )
    running = await keeper.spawn(obeys)
    await until(lambda: "up" in obeys.log.read_text())
    assert (await keeper.terminate(running.pid, 5.0)).how == "exit status 7"
    server = await serve(keeper, make(app="plain:app", port=port.number))
    assert (await keeper.terminate(server.pid, 5.0)).how == "SIGTERM"


async def test_termination_becomes_a_kill_where_the_process_does_not_obey(
    keeper: Keeper, make: Callable[..., Start]
) -> None:
    """After the grace, SIGKILL; the exit shows which it was."""
    start = make(
        command=python("import signal\nsignal.signal(15, signal.SIG_IGN)\nprint('up', flush=True)\nsignal.pause()")
    )
    running = await keeper.spawn(start)
    await until(lambda: "up" in start.log.read_text())
    assert (await keeper.terminate(running.pid, 0.1)).how == "SIGKILL"


async def test_an_end_that_nobody_asked_for_is_told(keeper: Keeper, make: Callable[..., Start]) -> None:
    """With its status or signal; ends that the harness caused are not told."""
    told: list[Exit] = []
    failing = await keeper.spawn(make("failing", command=("sh", "-c", "exit 3")), told.append)
    await until(lambda: told)
    assert (told[0].pid, told[0].how) == (failing.pid, "exit status 3")
    shot = await keeper.spawn(make("shot", main="plain:main"), told.append)
    os.kill(shot.pid, signal.SIGKILL)
    await until(lambda: len(told) == 2)
    assert (told[1].name, told[1].how) == ("shot", "SIGKILL")
    killed = await keeper.spawn(make("killed", main="plain:main"), told.append)
    await keeper.kill(killed.pid)
    terminated = await keeper.spawn(make("terminated", main="plain:main"), told.append)
    await keeper.terminate(terminated.pid, 5.0)
    assert len(told) == 2


async def test_a_signal_that_comes_right_after_the_fork_is_not_lost(keeper: Keeper, make: Callable[..., Start]) -> None:
    """A service has its own signal handling from its first moment on, not the keeper's."""
    for _ in range(20):
        running = await keeper.spawn(make(main="plain:main"))
        assert (await keeper.terminate(running.pid, 5.0)).how == "SIGTERM"


async def test_what_an_ended_process_leaves_behind_ends_with_it(keeper: Keeper, make: Callable[..., Start]) -> None:
    """As in a container: when the first process ends by itself, nothing of its tree goes on working."""
    running = await keeper.spawn(make(command=("sh", "-c", "sleep 1000 & exit 0")))
    exit = await asyncio.wait_for(running.exited, 10)
    assert exit.status == 0
    assert len(exit.killed) == 1
    assert not tree.alive(exit.killed[0])


async def test_a_killed_port_refuses_and_answers_after_the_restart(
    keeper: Keeper, make: Callable[..., Start], port: ReservedPort
) -> None:
    """Killed means refused, at once; the port is the same in the next life."""
    start = make(app="plain:app", port=port.number)
    for _ in range(3):
        running = await serve(keeper, start)
        assert (await fetch(port)).json()["pid"] == running.pid
        await keeper.kill(running.pid)
        with pytest.raises(httpx.ConnectError):
            await fetch(port)


async def test_a_name_runs_once(keeper: Keeper, make: Callable[..., Start]) -> None:
    """Trees are known by name, so a second process of the same name is refused."""
    await keeper.spawn(make(main="plain:main"))
    with pytest.raises(SetupError, match="already running"):
        await keeper.spawn(make(main="plain:main"))


async def test_closing_leaves_nothing(keeper: Keeper, make: Callable[..., Start], tmp_path: Path) -> None:
    """All processes and the folder are gone, read-only folders included; closing again does nothing."""
    _, members = await family(keeper, make(command=python(FAMILY)))
    locked = keeper.folder / "data" / "locked"
    locked.mkdir(parents=True)
    (locked / "file").touch()
    locked.chmod(0o500)
    assert keeper.folder.stat().st_mode & 0o777 == 0o700
    assert set(members) <= set(await keeper.close())
    assert not any(map(tree.alive, members))
    assert not keeper.folder.exists()
    assert await keeper.close() == ()


async def test_a_folder_that_exists_is_refused(tmp_path: Path) -> None:
    """The folder is removed in the end, so it must not be one that holds anything of somebody else."""
    (tmp_path / "mine").write_text("precious")
    with pytest.raises(SetupError, match="File exists"):
        await Keeper.start(tmp_path)
    assert (tmp_path / "mine").read_text() == "precious"


async def test_a_start_that_is_cancelled_leaves_no_process(
    keeper: Keeper, make: Callable[..., Start], tmp_path: Path
) -> None:
    """Being cancelled between the order and its answer cleans up what the answer would have brought."""
    starting = asyncio.create_task(keeper.spawn(make(main="plain:main")))
    await asyncio.sleep(0)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    async with asyncio.timeout(10):
        while True:  # the name is free again as soon as that process is gone
            try:
                await keeper.spawn(make(main="plain:main"))
                break
            except SetupError:
                await asyncio.sleep(0.01)


async def test_the_death_of_the_keeper_is_an_error_and_leaves_nothing(
    tmp_path: Path, make: Callable[..., Start]
) -> None:
    """Even where somebody kills the keeper itself, closing removes its processes and its folder."""
    keeper = await Keeper.start(tmp_path / "universe")
    pid, members = await family(keeper, make(command=python(FAMILY)))
    os.kill(keeper.pid, signal.SIGKILL)
    with pytest.raises(SetupError, match="is gone"):
        await keeper.sweep("nobody")
    await until(lambda: not tree.alive(pid))  # the kernel ends the process that was asked for with its keeper
    await keeper.close()
    assert not any(map(tree.alive, members))
    assert not keeper.folder.exists()
