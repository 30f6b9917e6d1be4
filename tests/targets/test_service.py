"""What a forked service finds: its own environment, folder, modules and random numbers, and nothing of the keeper's."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from harness.targets.keeper import Keeper
from harness.targets.messages import Module, Start
from harness.targets.ports import ReservedPort
from tests.targets.conftest import SERVICES, fetch, serve

pytestmark = pytest.mark.anyio


@pytest.fixture
async def keeper(tmp_path: Path) -> AsyncIterator[Keeper]:
    """A keeper that has preloaded the libraries of the service that looks around."""
    async with await Keeper.start(tmp_path / "universe", [Module(name="counting", path=(SERVICES,))]) as keeper:
        yield keeper


async def test_each_life_counts_from_the_beginning(
    keeper: Keeper, make: Callable[..., Start], port: ReservedPort
) -> None:
    """Module-level state and random numbers are made anew after every fork."""
    drawn = []
    for _ in range(2):
        running = await serve(keeper, make(app="counting:app", port=port.number), "/about")
        assert [(await fetch(port, "/count")).json() for _ in range(2)] == [1, 2]
        drawn.append((await fetch(port, "/about")).json()["drawn"])
        await keeper.kill(running.pid)
    assert drawn[0] != drawn[1]


async def test_a_service_sees_its_own_environment_and_nothing_else(
    keeper: Keeper, make: Callable[..., Start], port: ReservedPort, tmp_path: Path
) -> None:
    """Environment, folder and session are exactly what was asked for; its own modules are loaded in its own process."""
    running = await serve(keeper, make(app="counting:app", port=port.number, env={"ONLY": "this"}), "/about")
    about = (await fetch(port, "/about")).json()
    assert about["env"] == {"ONLY": "this"}
    assert about["cwd"] == str(tmp_path)
    assert about["pid"] == about["session"] == about["own_part_loaded_by"] == running.pid
    assert about["first_path"] == SERVICES
    assert about["harness_modules"] == []


async def test_a_service_holds_no_file_of_the_keepers(
    keeper: Keeper, make: Callable[..., Start], port: ReservedPort
) -> None:
    """A fork keeps no end of the harness's connection and no other service's pipe: only its own sockets and log."""
    await serve(keeper, make("other", main="plain:main"), "none")
    start = make(app="counting:app", port=port.number)
    await serve(keeper, start, "/count")
    files = (await fetch(port, "/files")).json()
    kinds = sorted(file.partition(":")[0] for file in files)
    ours = ["/dev/null", str(start.log), str(start.log), "anon_inode"]
    # event loop: one poll and its own wake-up pair; server: one that listens and one for this request
    assert [kind for kind in kinds if not kind.startswith("/proc/")] == sorted([*ours, *["socket"] * 4])


async def test_libraries_are_preloaded_and_the_services_modules_are_not(keeper: Keeper) -> None:
    """What the service imports from site-packages and the standard library, also through modules of its own."""
    assert {"fastapi", "sqlite3", "uvicorn"} <= set(keeper.preloaded)
    assert not {"counting", "own_part", "plain"} & set(keeper.preloaded)


async def test_a_library_that_starts_threads_is_left_to_the_services(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Forking a process with threads is unsafe, so the keeper does without such a library."""
    library = tmp_path / "site-packages"
    library.mkdir()
    thread = "import threading, time\nthreading.Thread(target=time.sleep, args=(60,), daemon=True).start()\n"
    (library / "threaded_library.py").write_text(thread)
    (tmp_path / "user.py").write_text("import threaded_library, json\n")
    monkeypatch.setenv("PYTHONPATH", str(library))
    modules = [Module(name="user", path=(str(tmp_path),))]
    async with await Keeper.start(tmp_path / "universe", modules) as keeper:
        assert "json" in keeper.preloaded
        assert "threaded_library" not in keeper.preloaded


async def test_main_may_be_plain_or_async(keeper: Keeper, make: Callable[..., Start]) -> None:
    """Both are called, their output is in the log, and their end is an exit with status 0."""
    start = make(main="plain:async_main")
    running = await keeper.spawn(start)
    exit = await asyncio.wait_for(running.exited, 10)
    assert (exit.status, exit.signal) == (0, None)
    assert start.log.read_text() == "it was async\n"


async def test_a_traceback_is_in_the_log(keeper: Keeper, make: Callable[..., Start]) -> None:
    """A service that fails ends with status 1 and says why."""
    start = make(main="plain:failing_main")
    exit = await asyncio.wait_for((await keeper.spawn(start)).exited, 10)
    assert exit.how == "exit status 1"
    assert "RuntimeError: no luck" in start.log.read_text()


async def test_a_command_gets_environment_folder_and_log(
    keeper: Keeper, make: Callable[..., Start], tmp_path: Path
) -> None:
    """Any program, started as it was asked for."""
    start = make(command=("sh", "-c", "pwd; echo $ONLY; env | wc -l"), env={"PATH": os.environ["PATH"], "ONLY": "this"})
    await asyncio.wait_for((await keeper.spawn(start)).exited, 10)
    folder, only, count = start.log.read_text().split()
    assert (folder, only) == (str(tmp_path), "this")
    assert int(count) <= 5  # what was given, and what the shell adds itself (PWD, _, SHLVL)
