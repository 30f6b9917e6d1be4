"""The engine to read in one go, on its own: claims, epochs, the journal, children and timers."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from types import ModuleType
from typing import Any

import httpx
import pytest

from tests.reference_services.conftest import Launch
from tests.reference_services.rig import Service, wait_until

LEASE_S = "0.3"


@pytest.fixture
def engine(launch: Launch) -> Service:
    """The server, with a short lease."""
    return launch("engine_teaching.engine:app", LEASE_S=LEASE_S)


@pytest.fixture
def library(engine: Service, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The worker's library, connected to the server."""
    monkeypatch.setenv("ENGINE_URL", engine.url)
    monkeypatch.setenv("RETRY_S", "0")
    return importlib.reload(importlib.import_module("reference_services.engine_teaching.worker"))


def claim(library: ModuleType, function: str = "F") -> dict[str, Any]:
    """The next claim on a function; empty where nothing is due."""
    claimed: dict[str, Any] = library.ask("/claims", {"functions": [function]})
    return claimed


def next_claim(library: ModuleType, function: str = "F") -> dict[str, Any]:
    """As soon as something is due."""
    found: list[dict[str, Any]] = []
    wait_until(lambda: bool(found) or found.extend(filter(None, [claim(library, function)])), f"a claim on {function}")
    return found[0]


def execute(library: ModuleType, function: Callable[[Any], Any], claimed: dict[str, Any]) -> None:
    """Runs a function under a claim."""
    library.Run(claimed).execute(function)


def test_registering_twice_is_registering_once(library: ModuleType) -> None:
    """The second registration attaches: the first input stays, and there is one claim to have."""
    library.register("f1", "F", {"n": 1})
    assert library.register("f1", "F", {"n": 2}) == {"done": False, "result": None}
    assert claim(library)["input"] == {"n": 1}
    assert claim(library) == {}


def test_result_is_there_for_whoever_asks_later(library: ModuleType) -> None:
    """The outcome discharges the trigger and stays."""
    library.register("f1", "F", {})
    execute(library, lambda run: "done", claim(library))
    assert library.register("f1", "F", {}) == {"done": True, "result": "done"}
    assert claim(library) == {}


def test_claim_that_is_not_renewed_ends_and_the_next_has_a_higher_epoch(library: ModuleType) -> None:
    """Nothing else detects a death."""
    library.register("f1", "F", {})
    first = claim(library)
    assert claim(library) == {}
    assert next_claim(library)["epoch"] == first["epoch"] + 1


def test_worker_that_was_replaced_cannot_write(library: ModuleType) -> None:
    """A zombie's result of a step is refused, and so is its outcome; the successor's count."""
    library.register("f1", "F", {})
    zombie, successor = claim(library), next_claim(library)
    with pytest.raises(library.EngineLost, match="409"):
        execute(library, lambda run: run.step("A", lambda: "late"), zombie)
    with pytest.raises(library.EngineLost, match="409"):
        execute(library, lambda run: "late", zombie)
    execute(library, lambda run: run.step("A", lambda: "in time"), successor)
    assert library.register("f1", "F", {})["result"] == "in time"


def test_step_that_is_journaled_does_not_run_again(library: ModuleType) -> None:
    """The second execution starts from the first line, and is served what the first has reached."""
    ran: list[str] = []

    def function(run: Any) -> str:
        a: str = run.step("A", lambda: ran.append("A") or "a")
        return a + run.step("B", lambda: ran.append("B") or fail_once())

    def fail_once() -> str:
        if ran.count("B") == 1:
            raise ValueError("the partner is away")
        return "b"

    library.register("f1", "F", {})
    execute(library, function, claim(library))
    execute(library, function, next_claim(library))
    assert ran == ["A", "B", "B"]
    assert library.register("f1", "F", {})["result"] == "ab"


def test_code_that_goes_another_way_than_the_journal_is_refused(library: ModuleType) -> None:
    """It does not get the result of a step that it did not ask for."""
    library.register("f1", "F", {})
    claimed = claim(library)
    library.Run(claimed).step("A", lambda: "a")
    again = next_claim(library)
    with pytest.raises(RuntimeError, match="'A' where the code now does 'B'"):
        library.Run(again).step("B", lambda: "b")


def test_caller_waits_without_a_claim_and_attaches_to_the_same_child(library: ModuleType) -> None:
    """Executed twice before the child is done, it has one child; it is due again when the child is done."""
    library.register("f1", "F", {})
    execute(library, lambda run: run.call("G", "in"), claim(library))
    assert claim(library) == {}
    child = claim(library, "G")
    execute(library, lambda run: run.input + "-out", child)
    execute(library, lambda run: run.call("G", "in"), next_claim(library))
    assert library.register("f1", "F", {})["result"] == "in-out"
    assert claim(library, "G") == {}


def test_timer_goes_off_once_and_is_not_begun_again_by_an_execution(library: ModuleType) -> None:
    """The time to wake up is in the journal; a second execution waits for what is left of it."""

    def function(run: Any) -> str:
        run.sleep(1.0)  # longer than anything that an execution does
        return "awake"

    library.register("f1", "F", {})
    execute(library, function, claim(library))
    assert claim(library) == {}
    woken = next_claim(library)
    assert [name for name, _ in woken["journal"]] == ["sleep"]
    execute(library, function, woken)
    assert library.register("f1", "F", {})["result"] == "awake"


def test_server_that_is_killed_forgets_nothing_that_it_has_confirmed(engine: Service, library: ModuleType) -> None:
    """Triggers, journals and epochs are in its file; a worker that cannot reach it drops its claim."""
    library.register("f1", "F", {})
    claimed = claim(library)
    library.Run(claimed).step("A", lambda: "a")
    engine.kill()
    with pytest.raises(library.EngineLost):
        execute(library, lambda run: "nobody hears", claimed)
    engine.start()
    again = next_claim(library)
    assert again["epoch"] == claimed["epoch"] + 1
    assert again["journal"] == [["A", "a"]]


def test_answer_of_the_api_waits_for_the_registration_alone_or_for_the_result(engine: Service, launch: Launch) -> None:
    """202 as soon as the engine has it; with WAIT_S nobody is told yes before it is done."""
    order = {"id": "w1", "amount": 5, "nonce": "n"}
    quick = launch("engine_teaching.api:app", ENGINE_URL=engine.url)
    patient = launch("engine_teaching.api:app", ENGINE_URL=engine.url, WAIT_S="0.05")
    assert httpx.post(f"{quick.url}/orders", json=order, trust_env=False).status_code == 202
    assert httpx.post(f"{patient.url}/orders", json=order, trust_env=False).status_code == 504
    engine.kill()
    assert httpx.post(f"{quick.url}/orders", json=order, trust_env=False).status_code == 503
