"""The nodes of the figures by themselves: work modes, early answers, a queue that keeps all, a join that tells once."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.reference_services.conftest import Launch
from tests.reference_services.rig import Service, World, reserve_port, wait_until

NODE, QUEUE = "graph.node:app", "graph.queue:app"
Start = Callable[..., Service]


def send(url: str, path: str, work: str = "w1") -> int:
    """The status of the answer, or 0 where none came."""
    order = {"id": work, "amount": 5, "nonce": f"nonce-{work}"}
    try:
        return httpx.post(url + path, json=order, timeout=5.0, trust_env=False).status_code
    except httpx.TransportError:
        return 0


@pytest.fixture
def node(launch: Launch, world: World) -> Start:
    """Starts a node of this name."""

    def start(name: str, **environment: str) -> Service:
        return launch(NODE, data=name, NODE=name, WORLD_URL=world.url, **environment)

    return start


def messages(folder: Path) -> list[str]:
    """What the queue holds."""
    with sqlite3.connect(folder / "queue" / "queue.db") as db:
        return [path for (path,) in db.execute("select path from message order by seq")]


@pytest.mark.parametrize(("mode", "attempts"), [("reexec", 2), ("inbox", 1), ("log", 1)])
def test_a_complete_node_does_on_a_repeat_what_its_work_mode_says(
    node: Start, world: World, mode: str, attempts: int
) -> None:
    """Again from the start, or only the answer."""
    leaf = node("D", WORK=mode)
    assert [send(leaf.url, "/D"), send(leaf.url, "/D")] == [200, 200]
    assert (world.attempts["D.w", "w1"], world.applied["D.w", "w1"]) == (attempts, 1)


@pytest.mark.parametrize(("mode", "attempts"), [("inbox", 2), ("log", 1)])
def test_an_incomplete_node_skips_only_what_its_log_holds(node: Start, world: World, mode: str, attempts: int) -> None:
    """Its call fails after its effect; invoked again, a log does not repeat the effect."""
    nobody = reserve_port()
    head = node("B", WORK=mode, CALLS="D", D_URL=f"http://127.0.0.1:{nobody.getsockname()[1]}")
    assert [send(head.url, "/B"), send(head.url, "/B")] == [502, 502]
    assert (world.attempts["B.w", "w1"], world.applied["B.w", "w1"]) == (attempts, 1)
    nobody.close()


def test_an_early_answer_comes_before_the_work(node: Start, world: World) -> None:
    """Which is what makes it nobody's when the process dies."""
    gate = world.stop_at("recv D.w", "w1")
    leaf = node("D", ACK="first")
    assert send(leaf.url, "/D") == 202
    world.wait_at("recv D.w", "w1")
    leaf.kill()
    gate.set()
    leaf.start()
    assert send(leaf.url, "/D", "w2") == 202
    world.wait_applied("D.w", "w2")
    assert world.applied["D.w", "w1"] == 0


def test_a_registered_request_survives_the_process(node: Start, world: World) -> None:
    """With an inbox of its own the callee finds the work again after a kill."""
    gate = world.stop_at("recv D.w", "w1")
    leaf = node("D", ACK="inbox")
    assert send(leaf.url, "/D") == 202
    world.wait_at("recv D.w", "w1")
    leaf.kill()
    gate.set()
    leaf.start()
    world.wait_applied("D.w", "w1")


def test_the_queue_delivers_until_the_work_is_done_also_after_its_own_death(
    node: Start, launch: Launch, world: World, tmp_path: Path
) -> None:
    """The receiver is down, the queue is killed; both come back, and the message is delivered and then forgotten."""
    leaf = node("D")
    queue = launch(QUEUE, data="queue", RECEIVERS="D", D_URL=leaf.url)
    leaf.kill()
    assert send(queue.url, "/D") == 202
    queue.kill()
    assert messages(tmp_path) == ["/D"]
    queue.start()
    leaf.start()
    world.wait_applied("D.w", "w1")
    wait_until(lambda: not messages(tmp_path), "the message is discharged")


def test_the_queue_refuses_a_receiver_that_it_does_not_know(launch: Launch) -> None:
    """A message that could never be delivered is no promise."""
    queue = launch(QUEUE, data="queue", RECEIVERS="", WORK="")
    assert send(queue.url, "/G") == 404


def test_the_join_passes_the_result_on_when_all_answers_are_in_and_once(
    node: Start, launch: Launch, world: World, tmp_path: Path
) -> None:
    """C asks E and F; the answers come in any order, one of them twice; A is told once."""
    nobody = reserve_port()
    sink = f"http://127.0.0.1:{nobody.getsockname()[1]}"
    queue = launch(QUEUE, data="queue", RECEIVERS="A E F", A_URL=sink, E_URL=sink, F_URL=sink)
    middle = node("C", ANSWERS="yes", CALLS="E F", E_URL=queue.url, F_URL=queue.url, QUEUE_URL=queue.url)
    order = {"id": "w1", "amount": 5, "nonce": "n", "reply_to": "/A/answers/C"}
    assert httpx.post(f"{middle.url}/C", json=order, timeout=5.0, trust_env=False).status_code == 200
    assert messages(tmp_path) == ["/E", "/F"]
    assert send(middle.url, "/C/answers/F") == 200
    assert messages(tmp_path) == ["/E", "/F"]
    assert [send(middle.url, f"/C/answers/{name}") for name in ("E", "E", "F")] == [200, 200, 200]
    assert messages(tmp_path) == ["/E", "/F", "/A/answers/C"]
    nobody.close()
