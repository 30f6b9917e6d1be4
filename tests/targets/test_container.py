"""What is special about containers: whose they are, who removes them, and what the engine may do to us."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from harness.errors import ContractError, SetupError, UsageError
from harness.targets.container import ContainerTarget
from harness.targets.engine import NETWORK_KEY, Container, Engine, _exit_of, engine_socket, require_images
from harness.targets.entry import command_line
from harness.targets.janitor import RUN_LABEL, Janitor
from harness.targets.keeper import Keeper
from harness.targets.ports import ReservedPort
from harness.targets.ready import Readiness
from harness.targets.running import Running
from tests.engine import IMAGE, client, containers_of, needs_containers
from tests.targets.conftest import SERVICES, Told, fetch, until

pytestmark = pytest.mark.anyio
PROMISED_S = 5.0
SLEEP = ("sleep", "60")


@pytest.fixture
async def engine(keeper: Keeper) -> AsyncIterator[Engine]:
    """A connection to the engine for one test."""
    engine = await Engine.open(keeper)
    yield engine
    await engine.close()


def sleeping(engine: Engine, folder: Path, **given: object) -> ContainerTarget:
    """A target that does nothing."""
    container = Container(
        **{"name": "sleeper", "image": IMAGE, "env": {}, "log": folder / "log", "command": SLEEP} | given
    )
    return ContainerTarget(engine, container, Readiness(how="none"), restart="always", tell=Told())


@needs_containers
async def test_a_container_gets_nothing_of_this_machine_but_what_is_declared(engine: Engine, tmp_path: Path) -> None:
    """Its environment is the image's own and the manifest's; of folders it has those that were named, as our user."""
    (tmp_path / "data").mkdir()
    code = f"env > {tmp_path}/data/env; id -u > {tmp_path}/data/user; ls {tmp_path} > {tmp_path}/data/seen; sleep 60"
    env = {"POLL_S": "0.1"}
    target = sleeping(engine, tmp_path, command=("sh", "-c", code), env=env, folders=(tmp_path / "data",))
    await target.start()
    await until(lambda: (tmp_path / "data" / "seen").exists() and (tmp_path / "data" / "seen").read_text())
    found = dict(line.split("=", 1) for line in (tmp_path / "data" / "env").read_text().splitlines())
    assert found["POLL_S"] == "0.1"
    assert found["RETRIGGER_IDENTITY"] == "sleeper-1"
    assert not {name for name in found if name.startswith("PYTEST")}
    assert (tmp_path / "data" / "seen").read_text().split() == ["data"]
    assert int((tmp_path / "data" / "user").read_text()) == os.getuid()


@needs_containers
async def test_a_restart_is_the_same_container_and_a_replacement_another(engine: Engine, tmp_path: Path) -> None:
    """What it wrote outside of its data folder is there after a restart, and gone with the container it was in."""
    seen = tmp_path / "seen"
    code = f"cat /tmp/own >> {seen}; echo x >> /tmp/own; echo . >> {seen}; sleep 60"
    target = sleeping(engine, tmp_path, command=("sh", "-c", code), folders=(tmp_path,))
    for number, life in enumerate((target.start, target.restart, target.replace), start=1):
        await life()
        await until(lambda number=number: seen.exists() and seen.read_text().count(".") == number)
        assert len(containers_of(engine.run)) == 1
    assert seen.read_text().split() == [".", "x", ".", "."]


@needs_containers
async def test_an_image_that_is_not_there_is_named_with_the_line_that_makes_it(engine: Engine, tmp_path: Path) -> None:
    """Nothing is fetched, and nothing is left behind."""
    target = sleeping(engine, tmp_path, image="never-heard-of-it:1")
    with pytest.raises(ContractError, match=r"(?s)'never-heard-of-it:1'.*docker build -t never-heard-of-it:1"):
        await target.start()
    assert containers_of(engine.run) == []
    with pytest.raises(ContractError, match="docker pull"):
        require_images(["never-heard-of-it:1"])


@needs_containers
async def test_one_whose_maker_was_cancelled_is_removed(engine: Engine, tmp_path: Path) -> None:
    """The engine makes it all the same; a moment later it is gone."""
    for delay_s in (0.0, 0.005, 0.01, 0.02, 0.08):
        target = sleeping(engine, tmp_path)
        starting = asyncio.create_task(target.start())
        await asyncio.sleep(delay_s)
        starting.cancel()
        await asyncio.gather(starting, return_exceptions=True)
        await target.stop()
    await asyncio.sleep(0.3)  # for what the engine was still making
    await until(lambda: not containers_of(engine.run))


@needs_containers
async def test_the_janitor_leaves_containers_of_others_alone(engine: Engine, tmp_path: Path) -> None:
    """It removes what carries its run's label, running, paused and dead, and does not touch the next run's or yours."""
    running, paused, dead = (sleeping(engine, tmp_path, name=name) for name in ("running", "paused", "dead"))
    for target in (running, paused, dead):
        await target.start()
    await paused.pause()
    await dead.kill()
    with client() as docker:
        theirs = [
            docker.create_container(IMAGE, list(SLEEP), labels=labels)["Id"]
            for labels in ({}, {RUN_LABEL: engine.run + "0"}, {RUN_LABEL: ""}, {"other": engine.run})
        ]
        try:
            docker.start(theirs[1])
            left = await asyncio.to_thread(Janitor(socket=engine_socket(), run=engine.run).remove_all)
            assert (left, containers_of(engine.run)) == ([], [])
            assert docker.inspect_container(theirs[1])["State"]["Running"]
            assert {c["Id"] for c in docker.containers(all=True)} >= set(theirs)
        finally:
            for container in theirs:
                docker.remove_container(container, force=True)


HARNESS = """
import asyncio, json, sys
from pathlib import Path
from harness.targets.container import ContainerTarget
from harness.targets.engine import Container, Engine
from harness.targets.keeper import Keeper
from harness.targets.ready import Readiness

async def main(folder, image):
    keeper = await Keeper.start(folder)
    engine = await Engine.open(keeper)
    def target(name):
        container = Container(name=name, image=image, env={}, log=folder / name, command=("sleep", "60"))
        return ContainerTarget(engine, container, Readiness(how="none"), restart="always", tell=lambda *_: None)
    paused = target("paused")
    await paused.start()
    await paused.pause()
    print(json.dumps({"run": engine.run, "keeper": keeper.pid}), flush=True)
    async def live(name):
        while True:
            one = target(name)
            await one.start()
            await one.kill()
            await one.replace()
            await one.stop()
    await asyncio.gather(live("a"), live("b"))

asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
"""


def start_harness(folder: Path) -> tuple[subprocess.Popen[str], str]:
    """A harness that makes, kills and removes containers all the time; and the label that they carry."""
    harness = subprocess.Popen(
        [sys.executable, "-c", HARNESS, str(folder), IMAGE],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert harness.stdout is not None
    told = json.loads(harness.stdout.readline())
    assert containers_of(told["run"])
    return harness, told["run"]


@needs_containers
@pytest.mark.parametrize(
    ("number", "after_s"),
    [(signal.SIGKILL, 0.1), (signal.SIGKILL, 0.25), (signal.SIGKILL, 0.4), (signal.SIGTERM, 0.2)],
)
def test_a_harness_that_ends_in_the_middle_leaves_no_container(
    tmp_path: Path, number: signal.Signals, after_s: float
) -> None:
    """At whatever moment: 5 s later the engine has nothing of it, nor a moment later, and its folder is gone."""
    harness, run = start_harness(tmp_path / "universe")
    time.sleep(after_s)  # whatever it does at that moment
    harness.send_signal(number)
    harness.wait(PROMISED_S)
    end_s = time.monotonic() + PROMISED_S
    while (containers_of(run) or (tmp_path / "universe").exists()) and time.monotonic() < end_s:
        time.sleep(0.05)
    assert containers_of(run) == []
    assert not (tmp_path / "universe").exists()
    time.sleep(0.5)
    assert containers_of(run) == []


@needs_containers
async def test_a_bridge_publishes_the_same_port_in_every_life(
    keeper: Keeper, port: ReservedPort, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pinned, so that links stay valid over a restart; while the container is dead nobody answers there."""
    monkeypatch.setenv(NETWORK_KEY, "bridge")
    engine = await Engine.open(keeper)
    assert (engine.reach.mode, engine.reach.listen) == ("bridge", "0.0.0.0")
    up = tmp_path / "up"
    command = command_line(app="plain:app", host=engine.reach.listen, port=port.number, up=up)
    folders = (tmp_path, Path(SERVICES))
    container = Container(
        name="app", image=IMAGE, env={}, log=tmp_path / "log", command=command, port=port.number, cwd=SERVICES,
        folders=folders, up=up,
    )  # fmt: skip
    target = ContainerTarget(engine, container, Readiness(how="/"), restart="always", tell=Told())
    for life in (target.start, target.restart, target.replace):
        await life()
        assert (await fetch(port)).json()["identity"] == target.identity
        await target.kill()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port.number), timeout=1)
    await engine.close()


@needs_containers
async def test_a_container_that_is_removed_behind_our_back_has_ended(engine: Engine, tmp_path: Path) -> None:
    """Somebody else's `docker rm -f` is an end like another: told, and no reason to hang."""
    told = Told()
    target = sleeping(engine, tmp_path)
    target._tell = told
    await target.start()
    with client() as docker:
        docker.remove_container(containers_of(engine.run)[0], force=True)
    await until(lambda: "exited" in told.states())
    await target.stop()


# --- without an engine ----------------------------------------------------------------------------------------------


def test_no_engine_is_said_in_one_line_with_the_way_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the socket is missing, nobody waits."""
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    begin_s = time.monotonic()
    with pytest.raises(SetupError, match=r"(?s)no container engine answers.*none\.sock.*--target process"):
        require_images([])
    assert time.monotonic() - begin_s < 2


@pytest.fixture
def silent_engine(tmp_path: Path) -> Iterator[Path]:
    """A socket that takes connections and never answers."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "silent.sock"))
        listener.listen()
        yield tmp_path / "silent.sock"


def test_an_engine_that_hangs_is_given_up(silent_engine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first question has a limit of three seconds."""
    monkeypatch.setenv("DOCKER_HOST", f"unix://{silent_engine}")
    begin_s = time.monotonic()
    with pytest.raises(SetupError, match="no container engine answers"):
        require_images([])
    assert time.monotonic() - begin_s < 6


def test_a_janitor_does_not_wait_for_ever(silent_engine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor does it take silence for a list of containers."""
    monkeypatch.setattr("harness.targets.janitor.CALL_LIMIT_S", 0.2)
    done = threading.Thread(target=Janitor(socket=str(silent_engine), run="x").remove_all, kwargs={"quiet_s": 0.5})
    done.start()
    done.join(5)
    assert not done.is_alive()


def test_an_engine_elsewhere_is_refused() -> None:
    """The janitor could not clean up there."""
    with pytest.raises(UsageError, match="tcp://far:2375"):
        engine_socket({"DOCKER_HOST": "tcp://far:2375"})
    assert engine_socket({"DOCKER_HOST": "unix:///run/user/1/docker.sock"}) == "/run/user/1/docker.sock"


@pytest.mark.parametrize(
    ("code", "by_memory", "how"),
    [(137, False, "SIGKILL"), (143, False, "SIGTERM"), (137, True, "exit status 137"), (3, False, "exit status 3")],
)
async def test_how_a_container_ended_is_read_from_its_state(code: int, by_memory: bool, how: str) -> None:
    """Exit code 137 is SIGKILL, but not ours where the memory was short."""
    running = Running("orders", announces=False, on_exit=None)
    assert _exit_of(running, {"ExitCode": code, "OOMKilled": by_memory}).how == how
