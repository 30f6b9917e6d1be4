"""The durable inbox under kills, pauses and lost answers: each accepted order is charged once and booked once."""

from __future__ import annotations

import signal
import sqlite3
import time
from pathlib import Path

import pytest

from reference_services.callee_inbox.inbox import Inbox
from reference_services.order import Order
from tests.reference_services.conftest import Launch
from tests.reference_services.rig import Client, Service, World, wait_until

ORDERS, WORKER = "callee_inbox.orders:app", "callee_inbox.worker:main"
ORDER = Order(id="w1", amount=5, nonce="n")


class Inboxes:
    """Both processes, and what is in their store."""

    def __init__(self, launch: Launch, world: World, folder: Path) -> None:
        self.launch, self.world, self.path = launch, world, folder / "data" / "inbox.db"

    def orders(self) -> Service:
        return self.launch(ORDERS)

    def worker(self, **environment: str) -> Service:
        return self.launch(WORKER, PAYMENTS_URL=self.world.url, **environment)

    def rows(self, query: str) -> list[tuple[object, ...]]:
        with sqlite3.connect(self.path) as db:
            return db.execute(query).fetchall()

    def wait_done(self) -> None:
        wait_until(lambda: not self.rows("select id from inbox where done = 0"), "the inbox is empty")

    def assert_once(self, *works: str) -> None:
        self.wait_done()
        assert sorted(self.rows("select work, amount from audit")) == [(work, 5) for work in sorted(works)]
        assert dict(self.world.applied) == {("charge", work): 1 for work in works}
        assert self.world.nonces == {("charge", work): f"nonce-{work}" for work in works}


@pytest.fixture
def inboxes(launch: Launch, world: World, tmp_path: Path) -> Inboxes:
    return Inboxes(launch, world, tmp_path)


@pytest.mark.parametrize("worker_first", [True, False])
def test_accepted_orders_are_done_once_whoever_starts_first(inboxes: Inboxes, worker_first: bool) -> None:
    """Neither process needs the other to be there already."""
    if worker_first:
        inboxes.worker()
    orders = inboxes.orders()
    works = [f"w{n}" for n in range(10)]
    assert {Client().send(orders.url, work) for work in works} == {202}
    if not worker_first:
        inboxes.worker()
    inboxes.assert_once(*works)


@pytest.mark.parametrize("point", ["recv charge", "applied charge"])
def test_kill_around_the_charge_does_not_lose_or_double_it(inboxes: Inboxes, point: str) -> None:
    """The row outlives the worker; the key and the commit absorb the repeat."""
    orders, worker = inboxes.orders(), inboxes.worker()
    inboxes.world.stop_at(point, "w1")
    assert Client().send(orders.url, "w1") == 202
    inboxes.world.wait_at(point, "w1")
    worker.kill()
    worker.start()
    inboxes.assert_once("w1")
    assert inboxes.world.attempts["charge", "w1"] == 2


def test_an_accepted_order_survives_the_death_of_everybody(inboxes: Inboxes) -> None:
    """202 means durable: both processes die at once and the order is still done."""
    orders = inboxes.orders()
    assert Client().send(orders.url, "w1") == 202
    orders.kill()
    inboxes.worker()
    inboxes.assert_once("w1")


def test_clicking_again_after_all_is_done_changes_nothing(inboxes: Inboxes) -> None:
    """The same id is the same order, for as long as the row exists."""
    orders = inboxes.orders()
    inboxes.worker()
    Client().send(orders.url, "w1")
    inboxes.assert_once("w1")
    assert Client().send(orders.url, "w1") == 202
    Client().send(orders.url, "w2")
    inboxes.assert_once("w1", "w2")
    assert inboxes.world.attempts["charge", "w1"] == 1


def test_a_lost_answer_is_asked_for_again_with_the_same_key(inboxes: Inboxes) -> None:
    """Applied, but the worker cannot know: it calls again, and the partner remembers."""
    orders = inboxes.orders()
    inboxes.worker()
    inboxes.world.stop_at("applied charge", "w1").set()
    Client().send(orders.url, "w1")
    inboxes.assert_once("w1")
    assert inboxes.world.attempts["charge", "w1"] == 2


def test_a_paused_worker_that_was_overtaken_books_nothing(inboxes: Inboxes) -> None:
    """The lease lets another worker in; the token keeps the sleeper out when it wakes."""
    orders, sleeper = inboxes.orders(), inboxes.worker(PARTNER_TIMEOUT_S="10")
    gate = inboxes.world.stop_at("applied charge", "w1")
    Client().send(orders.url, "w1")
    inboxes.world.wait_at("applied charge", "w1")
    sleeper.signal(signal.SIGSTOP)
    other = inboxes.worker()
    inboxes.assert_once("w1")
    gate.set()
    other.kill()
    sleeper.signal(signal.SIGCONT)
    Client().send(orders.url, "w2")
    inboxes.assert_once("w1", "w2")


def test_a_partner_that_is_down_is_never_given_up(inboxes: Inboxes) -> None:
    """However often it fails, the order stays pending and is done when the partner is back; no restart needed."""
    inboxes.world.down = True
    orders = inboxes.orders()
    inboxes.worker()
    Client().send(orders.url, "w1")
    wait_until(lambda: inboxes.world.attempts["charge", "w1"] > 5, "tried again and again")
    inboxes.world.down = False
    inboxes.assert_once("w1")


def test_an_order_that_keeps_failing_does_not_hold_up_the_others(inboxes: Inboxes) -> None:
    """Its backoff lets the next ones pass."""
    orders = inboxes.orders()
    inboxes.worker(BACKOFF_MAX_S="0.05")
    inboxes.world.down = True
    Client().send(orders.url, "w1")
    wait_until(lambda: inboxes.world.attempts["charge", "w1"] > 2, "w1 has failed")
    inboxes.world.down = False
    inboxes.world.stop_at("recv charge", "w1").set()
    for n in range(2, 8):
        Client().send(orders.url, f"w{n}")
    inboxes.assert_once(*(f"w{n}" for n in range(1, 8)))


def test_a_locked_database_delays_and_loses_nothing(inboxes: Inboxes) -> None:
    """Whoever cannot commit does not say 202; the worker goes on when the lock is gone."""
    orders = inboxes.orders()
    inboxes.worker()
    Client().send(orders.url, "w1")
    inboxes.assert_once("w1")
    blocker = sqlite3.connect(inboxes.path, isolation_level=None)
    blocker.execute("begin immediate")
    assert Client().send(orders.url, "w2") in (0, 500)
    blocker.execute("rollback")
    blocker.close()
    wait_until(lambda: Client().send(orders.url, "w2") == 202, "accepted after all")
    inboxes.assert_once("w1", "w2")


def test_only_the_latest_claim_may_finish(tmp_path: Path) -> None:
    """The token is checked in the transaction that books, whatever the clock says of the lease."""
    inbox = Inbox(tmp_path / "inbox.db")
    inbox.register(ORDER)
    early = inbox.claim(lease_s=0.0)
    late = inbox.claim(lease_s=10.0)
    assert early
    assert late
    assert (early.token, late.token) == (1, 2)
    assert not inbox.finish(early)
    inbox.release(early, backoff_s=0.0)
    assert inbox.claim(lease_s=10.0) is None
    assert inbox.finish(late)
    assert not inbox.finish(late)


def test_a_claim_is_exclusive_until_its_lease_ends(tmp_path: Path) -> None:
    """Two workers, one row: the second gets it when the lease has run out and not before."""
    inbox = Inbox(tmp_path / "inbox.db")
    inbox.register(ORDER)
    claimed_s = time.time()
    assert inbox.claim(lease_s=0.05)
    while (again := inbox.claim(lease_s=0.05)) is None:
        time.sleep(0.001)
    assert time.time() - claimed_s >= 0.05
    assert again.token == 2
