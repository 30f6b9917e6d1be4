"""Whole systems on each kind of store, hurt through real proxies: what holds, what is lost, what mistakes are told."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from harness.checks import Verdict
from harness.errors import ContractError, SetupError
from harness.history import Kind
from harness.network import Server, find_server
from harness.plans.gaps import plan_of, single
from harness.plans.model import parse_fault
from harness.runner.stage import Judged, Stage
from harness.runner.system import System, open_system

pytestmark = pytest.mark.anyio
SYSTEMS = Path(__file__).parent / "systems"
Changed = Callable[..., System]


@pytest.fixture(scope="session")
def server() -> Server:
    """The real Toxiproxy wherever it can be had; a missing one fails in CI."""
    found = find_server()
    if not found.real and os.environ.get("CI"):
        pytest.fail("no real Toxiproxy: " + "; ".join(map(str, found.steps)))
    return found


@pytest.fixture
def changed(tmp_path: Path) -> Changed:
    """A copy of a system, with some words of its manifest replaced by others."""

    def change(name: str, *words: tuple[str, str]) -> System:
        folder = tmp_path / name
        shutil.copytree(SYSTEMS / name, folder)
        text = (folder / "retrigger.toml").read_text()
        for old, new in words:
            assert old in text
            text = text.replace(old, new, 1)
        (folder / "retrigger.toml").write_text(text)
        return open_system(folder)

    return change


async def hurt(server: Server, system: System, *faults: str) -> AsyncIterator[Judged]:
    """Runs each fault as a plan of its own, in one universe."""
    async with Stage(server, [system]) as stage:
        for fault in faults:
            try:
                yield await stage.run(plan_of(system.manifest, parse_fault(fault)))
            except SetupError as error:
                pytest.skip(f"{error.problems[0].what}: {error.problems[0].fix}")


RESTARTS = {
    "postgres_inbox": (
        "kill database @recv charge w1",
        "kill database @reply orders w1",
        "refuse worker->database @recv charge w1 until detect",
    ),
    "redis_queue": (
        "kill queue @answer w1",
        "kill queue @recv charge w1",
        "cut reply client->queue @submit w1",
        "cut request client->queue @submit w1",
    ),
    "nats_entry": (
        "kill broker @deliver books w1",
        "cut reply client->broker @submit w1",
        "refuse client->broker @submit w1 until detect",
    ),
    "command_store": ("kill store @reply orders w1", "kill store @quiet"),
}


@pytest.mark.parametrize("name", RESTARTS)
async def test_a_correct_system_holds_when_its_store_is_killed_or_cut_off(server: Server, name: str) -> None:
    """Every fault lands, and nothing is lost or done twice, also when all is handed in once more: the store kept it."""
    async for judged in hurt(server, open_system(SYSTEMS / name), *RESTARTS[name]):
        assert judged.outcome is Verdict.HOLDS, (judged.run.plan, judged.error, judged.verdict)
        assert judged.landed
        begun = next(e.at_s for e in judged.run.history.of(Kind.PHASE) if e.where == "replay")
        assert {e.work for e in judged.run.history.of(Kind.SUBMIT) if e.at_s > begun} == {"w1", "w2"}


async def test_a_queue_that_keeps_nothing_on_disk_loses_what_it_has_confirmed(server: Server, changed: Changed) -> None:
    """The option that switches its file off is all it takes; without a kill nobody notices."""
    system = changed("redis_queue", ('kind = "redis"', 'kind = "redis"\noptions = ["--appendonly", "no"]'))
    async for judged in hurt(server, system, "kill queue @answer w1"):
        assert judged.outcome is Verdict.VIOLATED
        assert {violation.property for violation in judged.verdict.violations} & {"P1a", "P1b", "P11"}


MISTAKES = {
    "a query of another table's column": (
        "postgres_inbox",
        ("select work from audit", "select wrok from audit"),
        "booked cannot be read, even without faults",
        'column "wrok" does not exist',
    ),
    "a query that finds something else": (
        "postgres_inbox",
        ("select work from audit", "select what from audit"),
        "effect 'booked' was never counted, even without faults",
        "INSERT",
    ),
    "a place in the answer that is not there": (
        "nats_entry",
        ("#/items/*/order", "#/rows"),
        "booked cannot be read, even without faults",
        "there is no 'rows' on the way to #/rows",
    ),
    "a subject that no stream listens to": (
        "nats_entry",
        ('subject = "orders.placed"', 'subject = "invoices"'),
        "'broker' takes no work under 'invoices', even without faults",
        "no confirm within 1 s",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
async def test_a_mistake_about_a_store_is_told_before_any_fault(server: Server, changed: Changed, name: str) -> None:
    """The fault-free run names the source, what came from it, and what to mend."""
    system, words, what, got = MISTAKES[name]
    async with Stage(server, [changed(system, words)]) as stage:
        with pytest.raises((ContractError, SetupError)) as caught:
            await stage.universe(system)
    if isinstance(caught.value, SetupError):
        pytest.skip(caught.value.problems[0].fix)
    problem = caught.value.problems[0]
    assert problem.what == what
    assert got in problem.got
    assert problem.fix


def test_work_that_enters_as_a_message_has_gaps_of_its_own() -> None:
    """The broker is killed, and its link to the client cut, before the publish and after the confirm."""
    plans = {str(plan) for plan in single(open_system(SYSTEMS / "redis_queue").manifest)}
    assert {
        "kill queue @submit w1",
        "kill queue @answer w1",
        "kill worker @answer w1",
        "cut reply client->queue @submit w1",
        "blackhole reply client->queue @submit w1",
        "refuse worker->queue @submit w1 until detect",
    } <= plans
