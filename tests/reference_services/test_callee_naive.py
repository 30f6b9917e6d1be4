"""The naive service works, and loses what it accepted when it is killed: the flaw it is here to show."""

from __future__ import annotations

from tests.reference_services.conftest import Launch
from tests.reference_services.rig import Client, World

ORDERS = "callee_naive.orders:app"


def test_without_faults_it_looks_right(launch: Launch, world: World) -> None:
    """Accepted, charged once; even a partner that fails for a while is tried again."""
    orders = launch(ORDERS, PAYMENTS_URL=world.url)
    world.down = True
    assert Client().send(orders.url, "w1") == 202
    world.down = False
    world.wait_applied("charge", "w1")
    assert world.applied["charge", "w1"] == 1
    assert world.nonces["charge", "w1"] == "nonce-w1"


def test_a_kill_after_the_202_loses_the_order(launch: Launch, world: World) -> None:
    """Nothing re-drives it: not the restart, not the next order."""
    orders = launch(ORDERS, PAYMENTS_URL=world.url)
    world.stop_at("recv charge", "w1")
    assert Client().send(orders.url, "w1") == 202
    world.wait_at("recv charge", "w1")
    orders.kill()
    orders.start()
    assert Client().send(orders.url, "w2") == 202
    world.wait_applied("charge", "w2")
    assert world.attempts["charge", "w1"] == 1
    assert world.applied["charge", "w1"] == 0
