"""What every target does, process and container alike: one set of sentences, held by both."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import time
from pathlib import Path

import httpx
import pytest

from harness.errors import ContractError, FaultError, ServiceError
from harness.targets import tree
from harness.targets.ports import ReservedPort
from harness.targets.target import Target
from tests.targets.conftest import MakeTarget, Told, fetch, until

pytestmark = pytest.mark.anyio


async def test_it_is_a_target(make_target: MakeTarget) -> None:
    """The seam that faults act on."""
    seam: Target = make_target(main="plain:main")
    assert (seam.name, seam.pid, seam.identity) == ("service", None, "service-1")


async def test_a_restart_keeps_the_identity_and_a_replacement_changes_it(
    make_target: MakeTarget, port: ReservedPort
) -> None:
    """Each life is a new process on the same port; only a replacement has a new name for itself."""
    target, lives = make_target(app="plain:app", port=port.number, how="/"), []
    for begin in (target.start, target.restart, target.replace):
        await begin()
        lives.append(((await fetch(port)).json()["identity"], target.identity, target.pid))
    assert [told for told, _, _ in lives] == [held for _, held, _ in lives] == ["service-1", "service-1", "service-2"]
    assert len({pid for _, _, pid in lives}) == 3


async def test_a_killed_target_is_dead_by_proof_and_its_port_refuses(
    make_target: MakeTarget, port: ReservedPort
) -> None:
    """The exit says SIGKILL, no process of it is alive, nobody listens, and the supervisor leaves it alone."""
    told = Told()
    target = make_target(told, app="plain:app", port=port.number, how="/")
    await target.start()
    exit = await target.kill()
    assert (exit.how, target.pid) == ("SIGKILL", None)
    assert exit.killed
    assert not any(map(tree.alive, exit.killed))
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port.number), timeout=1)
    await asyncio.sleep(0.1)
    assert told.states() == ["started", "ready", "killed"]
    with pytest.raises(FaultError, match="not running: SIGKILL"):
        await target.pause()


async def test_what_it_wrote_survives_its_kill_and_its_replacement(make_target: MakeTarget, tmp_path: Path) -> None:
    """The data folder stays: each life adds a line to the same file."""
    file = tmp_path / "lives"
    target = make_target(command=("sh", "-c", f"echo $RETRIGGER_IDENTITY >> {file}; exec sleep 60"))
    await target.start()
    await until(lambda: file.exists() and file.read_text().count("\n") == 1)
    await target.restart()
    await until(lambda: file.read_text().count("\n") == 2)
    await target.replace()
    await until(lambda: file.read_text().count("\n") == 3)
    assert file.read_text().split() == ["service-1", "service-1", "service-2"]


async def test_one_that_ends_by_itself_is_started_again(make_target: MakeTarget) -> None:
    """By the policy "always", and both the end and the new life are told."""
    told = Told()
    target = make_target(told, main="plain:main")
    await target.start()
    first = target.pid
    os.kill(first or 0, signal.SIGTERM)
    await until(lambda: told.states() == ["started", "ready", "exited", "started", "ready"])
    assert target.pid not in (None, first)
    assert told.events[2] == {"name": "service", "state": "exited", "pid": first, "status": "SIGTERM", "killed": []}


async def test_one_may_be_left_unsupervised(make_target: MakeTarget) -> None:
    """By the policy "never", its end is told and that is all."""
    told = Told()
    target = make_target(told, main="plain:main", restart="never")
    await target.start()
    os.kill(target.pid or 0, signal.SIGTERM)
    await until(lambda: "exited" in told.states())
    await asyncio.sleep(0.1)
    assert told.states() == ["started", "ready", "exited"]


async def test_a_crash_loop_goes_on_until_it_is_stopped(make_target: MakeTarget) -> None:
    """Each end is told; a stop ends the loop."""
    told = Told()
    target = make_target(told, command=("sh", "-c", "exit 1"))
    await target.start()
    await until(lambda: told.states().count("exited") >= 3)
    await target.stop()
    ends = told.states().count("exited")
    await asyncio.sleep(0.1)
    assert told.states().count("exited") == ends


async def test_a_restart_outlasts_ends_before_readiness(make_target: MakeTarget, tmp_path: Path) -> None:
    """One that needs something which is not there yet ends at once, twice, and is up at the third try."""
    told, tries = Told(), tmp_path / "tries"
    code = f"echo x >> {tries}; [ $(wc -l < {tries}) -eq 2 -o $(wc -l < {tries}) -eq 3 ] && exit 1; exec sleep 60"
    target = make_target(told, command=("sh", "-c", code), settle_s=0.3)
    await target.start()
    await target.kill()
    await target.restart()
    assert told.states() == ["started", "ready", "killed", *["started", "exited"] * 2, "started", "ready"]


async def test_a_first_start_that_ends_at_once_is_an_error_that_quotes_its_last_words(make_target: MakeTarget) -> None:
    """Before there was any fault, one that does not stay is a broken contract, not a crash."""
    told = Told()
    target = make_target(told, main="plain:failing_main", how="none", settle_s=5.0)
    with pytest.raises(ContractError, match=r"(?s)exit status 1.*no luck"):
        await target.start()
    await asyncio.sleep(0.1)
    assert told.states() == ["started", "exited"]


async def test_a_start_that_fails_or_is_cancelled_leaves_nothing(make_target: MakeTarget, port: ReservedPort) -> None:
    """What did not become ready is killed, and one that was never ready is not supervised."""
    target = make_target(command=("sh", "-c", "echo here I am; exec sleep 60"), port=port.number, how="tcp", within_s=1)
    with pytest.raises(ContractError, match=r"(?s)not ready within.*here I am"):
        await target.start()
    assert target.pid is None
    for life in (target.start, target.restart):
        starting = asyncio.create_task(life())
        await until(lambda: target.pid)
        pid = target.pid or 0
        starting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await starting
        assert not tree.alive(pid)


async def test_a_kill_during_the_restart_wins(make_target: MakeTarget, port: ReservedPort) -> None:
    """One killed while it starts stays dead, and whoever was starting it is told."""
    target = make_target(command=("sleep", "60"), port=port.number, how="tcp")
    starting = asyncio.create_task(target.restart())
    await until(lambda: target.pid)
    await target.kill()
    with pytest.raises(ServiceError, match="SIGKILL"):
        await starting
    assert target.pid is None


async def test_one_that_is_paused_is_silent_and_answers_when_resumed(
    make_target: MakeTarget, port: ReservedPort
) -> None:
    """The kernel still takes connections for it; what it was asked meanwhile is answered after the resume."""
    told = Told()
    target = make_target(told, app="plain:app", port=port.number, how="/")
    await target.start()
    pid = target.pid
    assert (await target.pause())[0] == pid
    with pytest.raises(httpx.ReadTimeout):
        await fetch(port, limit_s=0.2)
    asked = asyncio.create_task(fetch(port))
    await target.resume()
    assert (await asked).status_code == 200
    assert (await target.terminate(5.0)).how in ("SIGTERM", "exit status 0")
    assert told.states() == ["started", "ready", "paused", "resumed", "killed"]
    assert {event["pid"] for event in told.events} == {pid}


async def test_one_that_is_paused_can_be_killed(make_target: MakeTarget) -> None:
    """A worker that stands still dies like any other."""
    target = make_target(main="plain:main")
    await target.start()
    await target.pause()
    assert (await target.kill()).how == "SIGKILL"


async def test_sigterm_ends_one_that_does_not_listen_to_it_only_after_its_grace(make_target: MakeTarget) -> None:
    """An ordinary program ends by SIGTERM at once, one that ignores it by SIGKILL when its time is over."""
    polite, deaf = make_target(main="plain:main"), make_target(command=("sh", "-c", "trap '' TERM; echo up; sleep 60"))
    await polite.start()
    assert (await polite.terminate(5.0)).how == "SIGTERM"
    await deaf.start()
    await asyncio.sleep(0.2)  # its first line
    begin_s = time.monotonic()
    assert (await deaf.terminate(0.3)).how == "SIGKILL"
    assert time.monotonic() - begin_s >= 0.3


def has_forked(target: Target) -> bool:
    """Whether `forking_main` stands where all of its children have been made: it has changed its name then."""
    names = [Path(f"/proc/{pid}/comm") for pid in tree.descendants([target.pid or 0])]
    return any(name.exists() and name.read_text() == "forked\n" for name in names)


async def test_killing_a_child_leaves_the_rest_alive(make_target: MakeTarget) -> None:
    """The youngest descendant dies by proof; the target itself goes on."""
    target = make_target(main="plain:forking_main")
    await target.start()
    await until(lambda: has_forked(target))
    exit = await target.kill("child")
    assert exit.how == "SIGKILL"
    assert not tree.alive(exit.pid)
    assert exit.survivors
    assert target.pid


async def test_a_stop_leaves_nothing_of_it(make_target: MakeTarget) -> None:
    """Whatever it has started over its lives is gone, also what lost its parent or made a session of its own."""
    target = make_target(main="plain:forking_main")
    await target.start()
    await until(lambda: has_forked(target))
    members = tree.descendants([target.pid or 0])
    await target.kill("parent")
    await target.stop()
    assert not any(map(tree.alive, members))
    await target.stop()  # no error where it is dead
