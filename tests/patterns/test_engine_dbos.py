"""Figures 8 and 9 on DBOS: real processes, real kills, and the attempts that the rows of the figure allow.

The processes are started as the pattern's manifest says. The world is a small server in the test that counts attempts
before it dedupes and can hold a call, which is where the kills are aimed: at `recv` the effect has not been applied,
at `applied` it has and the answer is withheld, so its journal entry cannot exist yet.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import socket
import sqlite3
import threading
import time
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

import httpx
import pytest

from harness.manifest.model import Manifest

MANIFEST = Path(__file__).parents[2] / "patterns" / "engine_dbos" / "retrigger.toml"
EFFECTS = ("a", "b1", "b2", "b3", "c")
LIMIT_S = 20.0

forks = multiprocessing.get_context("forkserver")
forks.set_forkserver_preload(["dbos", "fastapi", "httpx", "pytest", "sqlalchemy.dialects.sqlite", "uvicorn"])


def eventually(condition: Callable[[], Any], what: str) -> Any:
    """The first true answer of `condition`; fails by name when none comes in time."""
    deadline_s = time.monotonic() + LIMIT_S
    while not (answer := condition()):
        assert time.monotonic() < deadline_s, f"never: {what}"
        time.sleep(0.005)
    return answer


@dataclass(slots=True, kw_only=True)
class Hold:
    """A call that the world keeps: `reached` once there, answered after `released`, never applied if `dropped`."""

    effect: str
    stage: str
    reached: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)
    dropped: bool = False


class World:
    """The partner outside: counts attempts, applies each key once, gives a fresh nonce per application.

    A `plain` one does not look at keys: every attempt applies.
    """

    def __init__(self) -> None:
        self.attempts: list[tuple[str, dict[str, Any]]] = []
        self.answers: dict[tuple[str, str], dict[str, Any]] = {}
        self.applied: Counter[str] = Counter()
        self.holds: list[Hold] = []
        self.refusals: Counter[str] = Counter()
        self.plain = False
        self._lock = threading.Lock()

    def counts(self, work: str = "w1") -> dict[str, int]:
        """Attempts per effect of one order."""
        with self._lock:
            seen = Counter(effect for effect, body in self.attempts if body["id"] == work)
        return {effect: seen[effect] for effect in EFFECTS}

    def bodies(self, effect: str) -> list[dict[str, Any]]:
        """What the attempts of an effect carried, in order."""
        return [body for name, body in self.attempts if name == effect]

    @contextmanager
    def holding(self, effect: str, stage: str) -> Iterator[Hold]:
        """Keeps the next call of an effect at a stage, for as long as the block lasts at most."""
        hold = Hold(effect=effect, stage=stage)
        self.holds.append(hold)
        yield hold
        hold.released.set()

    def call(self, effect: str, body: dict[str, Any], key: str) -> tuple[int, dict[str, Any]]:
        """One attempt: counted, perhaps held or refused, applied if its key is new, answered."""
        with self._lock:
            self.attempts.append((effect, body))
            hold = next((hold for hold in self.holds if hold.effect == effect), None)
            if hold:
                self.holds.remove(hold)
            if self.refusals[effect] > 0:
                self.refusals[effect] -= 1
                return 503, {}
        if hold and hold.stage == "recv" and not self._wait(hold):
            return 503, {}
        with self._lock:
            if first := self.plain or (effect, key) not in self.answers:
                self.applied[effect] += 1
                nonce = f"{effect}-{self.applied[effect]}"
                self.answers[effect, key] = {"effect": effect, "work": body["id"], "nonce": nonce}
            answer = {**self.answers[effect, key], "first": first}
        if hold and hold.stage == "applied":
            self._wait(hold)
        return 200, answer

    def _wait(self, hold: Hold) -> bool:
        hold.reached.set()
        hold.released.wait(LIMIT_S)
        return not hold.dropped


def handler_of(world: World) -> type[BaseHTTPRequestHandler]:
    """A request handler that hands every POST to the world."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            assert self.headers["X-Work-Id"] == body["id"]
            status, answer = world.call(self.path.strip("/"), body, self.headers["Idempotency-Key"])
            text = json.dumps(answer).encode()
            try:
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)
            except OSError:
                pass  # The caller was killed while its call was held.

        def log_message(self, format: str, *args: Any) -> None:
            pass

    return Handler


def run_process(app: str | None, main: str | None, env: dict[str, str], port: int) -> None:
    """What a fork does: takes the environment, imports the service, and becomes it."""
    import uvicorn

    os.environ.update(env)
    module, _, name = (app or main or "").partition(":")
    target = getattr(import_module(module), name)
    if app:
        uvicorn.run(target, port=port, log_level="warning")
    else:
        target()


def reserve_port() -> socket.socket:
    """A port that stays ours while nobody listens: bound, never listening."""
    reserved = socket.socket()
    reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    reserved.bind(("127.0.0.1", 0))
    return reserved


class System:
    """The processes of the manifest, each with a port and a data folder that stay over kills."""

    def __init__(self, folder: Path, world_url: str) -> None:
        self.manifest = Manifest.model_validate(tomllib.loads(MANIFEST.read_text(encoding="utf-8")))
        self.folder = folder
        self.world_url = world_url
        self.alive: dict[str, ForkServerProcess] = {}
        self._reserved = {process.name: reserve_port() for process in self.manifest.process}

    def port(self, name: str) -> int:
        """The port of a process."""
        return int(self._reserved[name].getsockname()[1])

    def close(self) -> None:
        """Kills what runs and gives the ports back."""
        self.kill(*list(self.alive))
        for reserved in self._reserved.values():
            reserved.close()

    def fill(self, text: str) -> str:
        """Replaces the placeholders of the manifest."""
        return text.replace("{link:world}", self.world_url).replace("{data:fx}", str(self.folder))

    def fork(self, name: str, port: int = 0) -> ForkServerProcess:
        """Starts a process as the manifest says, without waiting until it is ready."""
        entry = next(process for process in self.manifest.process if process.name == name)
        env = {key: self.fill(value) for key, value in entry.env.items()}
        env["PARTNER_TIMEOUT_S"] = str(LIMIT_S)  # A call that is held is waited for, not tried again in place.
        process = forks.Process(target=run_process, args=(entry.app, entry.main, env, port or self.port(name)))
        process.start()
        return process

    def start(self, *names: str) -> None:
        """Starts processes, and waits for those that have a port."""
        for name in names:
            self.alive[name] = self.fork(name)
        if "fx" in names:
            eventually(lambda: self._answers(self.port("fx")), "fx is ready")

    @staticmethod
    def _answers(port: int) -> bool:
        try:
            return httpx.get(f"http://127.0.0.1:{port}/healthz").status_code == 200
        except httpx.TransportError:
            return False

    def kill(self, *names: str) -> None:
        """kill -9."""
        for name in names:
            process = self.alive.pop(name)
            process.kill()
            process.join()

    def place(self, work: str = "w1") -> int:
        """Submits an order and returns the status of the answer."""
        body = {"id": work, "nonce": f"{work}-nonce", "amount": 5}
        return httpx.post(f"http://127.0.0.1:{self.port('fx')}/orders", json=body, timeout=LIMIT_S).status_code

    def query(self, sql: str) -> list[str]:
        """The first column of a query on the engine's database, over a connection of the test's own."""
        with sqlite3.connect(self.folder / "engine.sqlite", timeout=LIMIT_S) as connection:
            rows = [row[0] for row in connection.execute(sql)]
        connection.close()
        return rows

    def pending(self, edge: str) -> list[str]:
        """Undischarged triggers of an edge, as the manifest says they are read."""
        reader = next(entry for entry in self.manifest.pending if entry.edge == edge)
        assert reader.sql is not None
        assert reader.sql.sqlite is not None
        assert self.fill(reader.sql.sqlite) == str(self.folder / "engine.sqlite")
        return self.query(reader.sql.query)

    def finish(self) -> None:
        """Waits until the engine has no trigger left."""
        eventually(lambda: not self.pending("api->Fx") and not self.pending("Fx->Fy"), "all workflows are done")


@pytest.fixture
def world() -> World:
    """A world in which nothing has happened yet."""
    return World()


@pytest.fixture
def system(world: World, tmp_path: Path) -> Iterator[System]:
    """Both processes, ready, on a fresh data folder."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler_of(world))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    system = System(tmp_path, f"http://127.0.0.1:{server.server_port}")
    system.start("fx", "fy")
    yield system
    system.close()
    server.shutdown()
    server.server_close()


def attempts(*expected: int) -> dict[str, int]:
    """A row of the figure: attempts of A, B1, B2, B3, C."""
    return dict(zip(EFFECTS, expected, strict=True))


def kill_at(system: System, world: World, effect: str, stage: str, *victims: str) -> None:
    """Places an order, kills the victims at a point of an effect, restarts them, and lets the order finish."""
    with world.holding(effect, stage) as hold:
        assert system.place() == 202
        assert hold.reached.wait(LIMIT_S)
        hold.dropped = True
        system.kill(*victims)
    system.start(*victims)
    system.finish()


def assert_applied_once(world: World) -> None:
    """Each effect was applied exactly once, and the last one used the first results of all others."""
    assert world.applied == dict.fromkeys(EFFECTS, 1)
    used = {"a": "a-1", "fy": {"b1": "b1-1", "b2": "b2-1", "b3": "b3-1"}}
    assert all(used.items() <= body.items() for body in world.bodies("c"))


def test_without_faults_every_step_is_attempted_once(system: System, world: World) -> None:
    """One invocation of Fx and one of Fy apply five effects, and the answer comes before the work is done."""
    with world.holding("a", "recv"):
        assert system.place() == 202
        assert system.pending("api->Fx") == ["w1"]
    system.finish()
    assert world.counts() == attempts(1, 1, 1, 1, 1)
    assert_applied_once(world)


def test_order_that_never_reached_the_engine_is_nobodys_work(system: System, world: World) -> None:
    """Before the registration the one who asked is responsible: nothing happens until he asks again."""
    system.kill("fx")
    with pytest.raises(httpx.ConnectError):
        system.place()
    system.start("fx")
    assert system.pending("api->Fx") == []
    assert system.place() == 202
    system.finish()
    assert world.counts() == attempts(1, 1, 1, 1, 1)


@pytest.mark.parametrize(
    ("effect", "victim", "expected"),
    [
        ("a", "fx", attempts(2, 1, 1, 1, 1)),
        ("b1", "fy", attempts(1, 2, 1, 1, 1)),
        ("b2", "fy", attempts(1, 1, 2, 1, 1)),
        ("b3", "fy", attempts(1, 1, 1, 2, 1)),
        ("c", "fx", attempts(1, 1, 1, 1, 2)),
    ],
)
@pytest.mark.parametrize("stage", ["recv", "applied"])
def test_kill_in_a_step_repeats_this_step_only(
    system: System, world: World, effect: str, stage: str, victim: str, expected: dict[str, int]
) -> None:
    """Steps that were journaled are served from the journal; the one in doubt is attempted again, and applied once."""
    survivor = "fy" if victim == "fx" else "fx"
    survivor_pid = system.alive[survivor].pid
    kill_at(system, world, effect, stage, victim)
    assert world.counts() == expected
    assert_applied_once(world)
    assert system.alive[survivor].is_alive()
    assert system.alive[survivor].pid == survivor_pid


@pytest.mark.parametrize("effect", ["b1", "b3"])
def test_kill_of_the_waiting_parent_attaches_to_the_running_child(system: System, world: World, effect: str) -> None:
    """A re-driven Fx finds the Fy it had registered, and Fy notices nothing."""
    with world.holding(effect, "applied") as hold:
        system.place()
        assert hold.reached.wait(LIMIT_S)
        assert system.pending("Fx->Fy") == ["w1"]
        system.kill("fx")
        system.start("fx")
    system.finish()
    assert world.counts() == attempts(1, 1, 1, 1, 1)
    assert_applied_once(world)
    assert system.query("select workflow_uuid from workflow_status order by 1") == ["Fx/w1", "Fy/w1"]


def test_child_that_finished_while_the_parent_was_dead_is_served_from_the_cache(system: System, world: World) -> None:
    """The outcome of Fy is durable before Fx has seen it; Fx gets it without any step of Fy being run again."""
    with world.holding("b3", "applied") as hold:
        system.place()
        assert hold.reached.wait(LIMIT_S)
        system.kill("fx")
    eventually(lambda: not system.pending("Fx->Fy"), "Fy is done")
    system.kill("fy")
    system.start("fx")
    system.finish()
    assert world.counts() == attempts(1, 1, 1, 1, 1)
    assert_applied_once(world)


def test_child_that_was_registered_while_its_process_was_dead_runs_when_it_starts(system: System, world: World) -> None:
    """Fx killed between A's journal entry and anything of Fy: A is served from the cache, Fy runs once."""
    system.kill("fy")
    system.place()
    eventually(lambda: system.pending("Fx->Fy") == ["w1"], "Fy is registered")
    system.kill("fx")
    system.start("fx", "fy")
    system.finish()
    assert world.counts() == attempts(1, 1, 1, 1, 1)
    assert_applied_once(world)


@pytest.mark.parametrize("victims", [("fy", "fx"), ("fx", "fy")])
def test_kill_of_child_and_parent_redrives_each_where_it_was(
    system: System, world: World, victims: tuple[str, str]
) -> None:
    """Fy in B3 and the waiting Fx both die: two owners, two recoveries, one step in doubt."""
    kill_at(system, world, "b3", "applied", *victims)
    assert world.counts() == attempts(1, 1, 1, 2, 1)
    assert_applied_once(world)


def test_kill_again_during_the_recovery_still_ends_with_each_effect_once(system: System, world: World) -> None:
    """A second death at the same point costs one more attempt of this step, and no other."""
    with world.holding("b2", "applied") as hold:
        system.place()
        assert hold.reached.wait(LIMIT_S)
        system.kill("fy")
    with world.holding("b2", "recv") as hold:
        system.start("fy")
        assert hold.reached.wait(LIMIT_S)
        hold.dropped = True
        system.kill("fy")
    system.start("fy")
    system.finish()
    assert world.counts() == attempts(1, 1, 3, 1, 1)
    assert_applied_once(world)


def test_error_of_the_world_is_tried_again_in_place(system: System, world: World) -> None:
    """An outage of the partner longer than the engine's default of three attempts does not end the workflow."""
    world.refusals["b2"] = 5
    system.place()
    system.finish()
    assert world.counts() == attempts(1, 1, 6, 1, 1)
    assert_applied_once(world)


def test_order_placed_many_times_is_one_order(system: System, world: World) -> None:
    """The id is the caller's: repeats, at once or after the end, attach to the same Fx."""
    with ThreadPoolExecutor(8) as callers:
        assert set(callers.map(lambda _: system.place(), range(8))) == {202}
    system.finish()
    assert system.place() == 202
    assert system.pending("api->Fx") == []
    assert world.counts() == attempts(1, 1, 1, 1, 1)


def test_answer_that_the_caller_never_saw_stands_for_an_accepted_order(system: System, world: World) -> None:
    """fx dies while the order's first step is held: registered, the engine owns it, whatever the caller heard."""
    with world.holding("a", "recv") as hold:
        system.place()
        assert hold.reached.wait(LIMIT_S)
        hold.dropped = True
        system.kill("fx")
    assert system.pending("api->Fx") == ["w1"]
    system.start("fx")
    assert system.place() == 202
    system.finish()
    assert world.counts() == attempts(2, 1, 1, 1, 1)


def test_paused_executor_that_wakes_up_after_its_successor_cannot_journal(system: System, world: World) -> None:
    """The journal is fenced: the result a zombie brings back is refused, and the successor's stays the one in use."""
    world.plain = True
    zombie = system.alive["fx"]
    with world.holding("a", "applied") as hold, reserve_port() as reserved:
        system.place()
        assert hold.reached.wait(LIMIT_S)
        os.kill(zombie.pid or 0, signal.SIGSTOP)
        system.alive["successor"] = system.fork("fx", reserved.getsockname()[1])
        eventually(lambda: world.counts()["a"] == 2, "the successor has attempted A")
        system.finish()
    os.kill(zombie.pid or 0, signal.SIGCONT)
    system.kill("successor")
    assert system.place("w2") == 202
    system.finish()
    assert world.counts() == attempts(2, 1, 1, 1, 1)
    assert world.bodies("c")[0]["a"] == "a-2"
    assert set(system.query("select status from workflow_status")) == {"SUCCESS"}


def test_end_signal_does_not_wait_for_the_child(system: System, world: World) -> None:
    """SIGTERM ends both processes at once though work is in flight, and the work goes on after the restart."""
    with world.holding("b1", "applied") as hold:
        system.place()
        assert hold.reached.wait(LIMIT_S)
        for name in ("fx", "fy"):
            process = system.alive.pop(name)
            process.terminate()
            process.join(LIMIT_S)
            assert process.exitcode is not None
    system.start("fx", "fy")
    system.finish()
    assert world.counts() == attempts(1, 2, 1, 1, 1)
    assert_applied_once(world)


def test_many_orders_survive_kills_of_both_processes(system: System, world: World) -> None:
    """Twelve orders at once, each process killed twice on one shared database file: every effect once per order."""
    works = [f"w{number}" for number in range(12)]
    with ThreadPoolExecutor(6) as callers:
        assert set(callers.map(system.place, works)) == {202}
    for victim in ("fy", "fx", "fy", "fx"):
        target = min(sum(world.applied.values()) + 3, len(works) * len(EFFECTS))
        eventually(lambda target=target: sum(world.applied.values()) >= target, "three more effects")  # type: ignore[misc]
        system.kill(victim)
        system.start(victim)
    system.finish()
    assert world.applied == dict.fromkeys(EFFECTS, len(works))
