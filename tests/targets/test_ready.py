"""What a person reads when a process does not become ready: who, how it ended, its last words, what to do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from harness.errors import ContractError, ServiceError
from harness.targets.keeper import Keeper
from harness.targets.messages import Start
from harness.targets.ports import ReservedPort
from harness.targets.ready import Readiness, log_tail, wait_until_ready
from tests.targets.conftest import python, serve

pytestmark = pytest.mark.anyio


async def complaint(keeper: Keeper, start: Start, readiness: Readiness, error: type[Exception] = ContractError) -> str:
    """The text of the error that waiting ends with."""
    running = await keeper.spawn(start)
    with pytest.raises(error) as raised:
        await wait_until_ready(running, readiness, port=start.port, log=start.log, error=error)  # type: ignore[arg-type]
    return str(raised.value)


async def test_a_command_that_exits_at_once_is_named(keeper: Keeper, make: Callable[..., Start]) -> None:
    """Its exit status and its last lines; its log goes with the universe."""
    start = make("orders", command=("sh", "-c", "echo no database; exit 3"), port=1)
    text = await complaint(keeper, start, Readiness(how="/healthz"))
    for part in ("'orders' ended before it was ready", "exit status 3", "no database", "fix:"):
        assert part in text


async def test_a_command_without_a_port_that_exits_at_once_is_named(keeper: Keeper, make: Callable[..., Start]) -> None:
    """A command that puts itself into the background is told to stay in the foreground."""
    start = make(command=("true",))
    text = await complaint(keeper, start, Readiness(how="none", settle_s=5.0))
    assert "exit status 0" in text
    assert "foreground" in text


async def test_a_command_that_does_not_exist_is_named(keeper: Keeper, make: Callable[..., Start]) -> None:
    """The program, the folder, and the reason of the system."""
    text = await complaint(keeper, make(command=("./missing",), port=1), Readiness(how="tcp"))
    assert "cannot start './missing'" in text
    assert "No such file" in text
    assert "PATH" in text


async def test_a_port_that_never_answers_is_named(
    keeper: Keeper, make: Callable[..., Start], port: ReservedPort
) -> None:
    """Within the bound, with the address that was asked."""
    start = make(command=("sleep", "60"), port=port.number)
    text = await complaint(keeper, start, Readiness(how="/healthz", within_s=0.2))
    for part in ("not ready within 0.2 s", f"GET /healthz answered at 127.0.0.1:{port.number}", "{port}"):
        assert part in text


async def test_a_path_that_is_not_found_is_not_ready(
    keeper: Keeper, make: Callable[..., Start], port: ReservedPort
) -> None:
    """A status of 400 and above is no sign of readiness."""
    start = make(app="plain:app", port=port.number)
    assert "GET /absent" in await complaint(keeper, start, Readiness(how="/absent", within_s=0.5))


async def test_a_service_that_cannot_be_imported_says_so(
    keeper: Keeper, make: Callable[..., Start], port: ReservedPort
) -> None:
    """The traceback's last line is among the evidence; after a fault the error is a service error."""
    start = make(app="absent_module:app", port=port.number)
    text = await complaint(keeper, start, Readiness(how="tcp"), ServiceError)
    assert "No module named 'absent_module'" in text


async def test_a_command_is_ready_as_soon_as_it_accepts(
    keeper: Keeper, make: Callable[..., Start], port: ReservedPort
) -> None:
    """A plain TCP listener, without HTTP."""
    code = f"import socket\ns = socket.create_server(('127.0.0.1', {port.number}))\nwhile True: s.accept()"
    await serve(keeper, make(command=python(code), port=port.number), "tcp")


async def test_the_tail_of_a_log_is_its_last_lines(tmp_path: Path) -> None:
    """Few of them, also of a long log; an empty or absent log is said to be so."""
    log = tmp_path / "log"
    assert "No such file" in log_tail(log)
    log.touch()
    assert log_tail(log) == "nothing was printed"
    log.write_text("".join(f"line {number}\n" for number in range(10_000)))
    assert log_tail(log, lines=2) == "line 9998\nline 9999"
