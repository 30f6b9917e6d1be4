"""A process over its lives: restarted with the same identity, replaced by another, supervised, never left behind."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.errors import ContractError, FaultError, ServiceError
from harness.targets import tree
from harness.targets.keeper import Keeper
from harness.targets.messages import Start
from harness.targets.ports import ReservedPort
from harness.targets.process import ProcessTarget, base_environment
from harness.targets.ready import Readiness
from harness.targets.supervise import Restart
from harness.targets.target import Target
from tests.targets.conftest import fetch, until

pytestmark = pytest.mark.anyio


class Told:
    """Collects what a target tells."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []

    def __call__(self, name: str, data: dict[str, Any]) -> None:
        self.events.append({"name": name, **data})

    def states(self) -> list[str]:
        """The states in the order they were told."""
        return [event["state"] for event in self.events]


def target(
    keeper: Keeper, start: Start, told: Told, how: str = "none", restart: Restart = "always", settle_s: float = 0.0
) -> ProcessTarget:
    """A target with a short restart delay."""
    readiness = Readiness(how=how, settle_s=settle_s)
    return ProcessTarget(keeper, start, readiness, restart=restart, tell=told, restart_delay_s=0.02)


async def test_a_process_is_a_target(keeper: Keeper, make: Callable[..., Start]) -> None:
    """The seam that containers will fill as well."""
    seam: Target = target(keeper, make(main="plain:main"), Told())
    assert (seam.name, seam.pid, seam.identity) == ("service", None, "service-1")


async def test_a_restart_keeps_identity_and_port_and_a_replacement_changes_the_identity(
    keeper: Keeper, make: Callable[..., Start], port: ReservedPort
) -> None:
    """Each life has a new process; only a replacement has a new name for itself."""
    process = target(keeper, make(app="plain:app", port=port.number), Told(), "/")
    seen = []
    for life in (process.start, process.restart, process.replace):
        await life()
        about = (await fetch(port)).json()
        assert about["pid"] == process.pid
        seen.append((about["identity"], about["pid"]))
        if life == process.start:
            await process.kill()
    assert [identity for identity, _ in seen] == ["service-1", "service-1", "service-2"]
    assert len({pid for _, pid in seen}) == 3


async def test_a_killed_process_stays_dead_until_it_is_restarted(keeper: Keeper, make: Callable[..., Start]) -> None:
    """The supervisor leaves alone what the harness has killed."""
    told = Told()
    process = target(keeper, make(main="plain:main"), told)
    await process.start()
    exit = await process.kill()
    assert exit.how == "SIGKILL"
    await asyncio.sleep(0.1)
    assert process.pid is None
    assert told.states() == ["started", "ready", "killed"]
    with pytest.raises(FaultError, match="not running: SIGKILL"):
        await process.pause()


async def test_a_process_that_ends_by_itself_is_started_again(keeper: Keeper, make: Callable[..., Start]) -> None:
    """By the policy "always", and both the end and the new life are told."""
    told = Told()
    process = target(keeper, make(main="plain:main"), told)
    await process.start()
    first = process.pid
    os.kill(first or 0, signal.SIGTERM)
    await until(lambda: told.states() == ["started", "ready", "exited", "started", "ready"])
    assert process.pid not in (None, first)
    assert told.events[2] == {"name": "service", "state": "exited", "pid": first, "status": "SIGTERM", "killed": []}


async def test_a_crash_loop_goes_on_until_it_is_stopped(keeper: Keeper, make: Callable[..., Start]) -> None:
    """Each end is told; a stop ends the loop."""
    told = Told()
    process = target(keeper, make(command=("sh", "-c", "exit 1")), told)
    await process.start()
    await until(lambda: told.states().count("exited") >= 3)
    await process.stop()
    ends = told.states().count("exited")
    await asyncio.sleep(0.1)
    assert told.states().count("exited") == ends


async def test_a_restart_outlasts_ends_before_readiness(
    keeper: Keeper, make: Callable[..., Start], port: ReservedPort, tmp_path: Path
) -> None:
    """A process that needs something which is not there yet ends at once, twice, and is up at the third try."""
    told, tries = Told(), tmp_path / "tries"
    code = f"echo x >> {tries}; [ $(wc -l < {tries}) -eq 2 -o $(wc -l < {tries}) -eq 3 ] && exit 1; exec sleep 60"
    process = target(keeper, make(command=("sh", "-c", code)), told, settle_s=0.2)
    await process.start()
    await process.kill()
    await process.restart()
    assert told.states() == ["started", "ready", "killed", *["started", "exited"] * 2, "started", "ready"]


async def test_a_first_start_that_ends_at_once_is_an_error_and_not_tried_again(
    keeper: Keeper, make: Callable[..., Start]
) -> None:
    """Before there was any fault, a process that does not stay is a broken contract, not a crash."""
    told = Told()
    process = target(keeper, make(command=("sh", "-c", "exit 1")), told, settle_s=5.0)
    with pytest.raises(ContractError, match="exit status 1"):
        await process.start()
    await asyncio.sleep(0.1)
    assert told.states() == ["started", "exited"]


async def test_a_process_may_be_left_unsupervised(keeper: Keeper, make: Callable[..., Start]) -> None:
    """By the policy "never", its end is told and that is all."""
    told = Told()
    process = target(keeper, make(main="plain:main"), told, restart="never")
    await process.start()
    os.kill(process.pid or 0, signal.SIGTERM)
    await until(lambda: "exited" in told.states())
    await asyncio.sleep(0.1)
    assert told.states() == ["started", "ready", "exited"]


async def test_a_kill_during_the_restart_wins(keeper: Keeper, make: Callable[..., Start], port: ReservedPort) -> None:
    """A process killed while it starts stays dead, and whoever was starting it is told."""
    process = target(keeper, make(command=("sleep", "60"), port=port.number), Told(), "tcp")
    starting = asyncio.create_task(process.restart())
    await until(lambda: process.pid)
    await process.kill()
    with pytest.raises(ServiceError, match="SIGKILL"):
        await starting
    assert process.pid is None


async def test_a_start_that_fails_or_is_cancelled_leaves_nothing(
    keeper: Keeper, make: Callable[..., Start], port: ReservedPort
) -> None:
    """What did not become ready is killed, and a process that was never ready is not supervised."""
    told = Told()
    process = ProcessTarget(
        keeper,
        make(command=("sleep", "60"), port=port.number),
        Readiness(how="tcp", within_s=0.1),
        restart="always",
        tell=told,
    )
    with pytest.raises(ContractError, match="not ready within"):
        await process.start()
    assert process.pid is None
    for life in (process.start, process.restart):
        starting = asyncio.create_task(life())
        await until(lambda: process.pid)
        pid = process.pid or 0
        starting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await starting
        assert not tree.alive(pid)


async def test_pause_resume_and_terminate_are_told(keeper: Keeper, make: Callable[..., Start]) -> None:
    """With process ids and how it ended."""
    told = Told()
    process = target(keeper, make(main="plain:main"), told)
    await process.start()
    pid = process.pid
    assert await process.pause() == (pid,)
    await process.resume()
    assert (await process.terminate(5.0)).how == "SIGTERM"
    assert told.states() == ["started", "ready", "paused", "resumed", "killed"]
    assert {event["pid"] for event in told.events} == {pid}


async def test_a_stop_takes_the_orphans_of_a_killed_parent(keeper: Keeper, make: Callable[..., Start]) -> None:
    """Whatever a process has left behind over its lives is gone after its stop."""
    process = target(keeper, make(main="plain:forking_main"), Told())
    await process.start()
    await until(lambda: len(tree.children(process.pid or 0)) == 1)
    orphans = (await process.kill("parent")).survivors
    assert orphans
    await process.stop()
    assert not any(map(tree.alive, orphans))


def test_the_base_environment_has_nothing_of_the_harness() -> None:
    """The user's environment without the test run's own variables; loopback addresses bypass proxies."""
    given = {"PATH": "/bin", "PYTEST_CURRENT_TEST": "x", "RETRIGGER_IDENTITY": "y", "http_proxy": "http://proxy"}
    loopback = "127.0.0.1,localhost"
    expected = {"PATH": "/bin", "http_proxy": "http://proxy", "no_proxy": loopback, "NO_PROXY": loopback}
    assert base_environment(given) == expected
