"""Outbox, relay and queue: an accepted order is charged once and booked once, whoever dies, the broker included."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import nats
import pytest
from nats.js import JetStreamContext

from reference_services.caller_queue.outbox import Outbox
from reference_services.order import Order
from tests.reference_services.conftest import Launch
from tests.reference_services.rig import Broker, Client, Link, Service, World, wait_until


class Queue:
    """The three processes around one broker."""

    def __init__(self, launch: Launch, world: World, broker: Broker, folder: Path) -> None:
        self.launch, self.world, self.broker, self.folder = launch, world, broker, folder
        self.orders = launch("caller_queue.orders:app", data="orders")

    def relay(self, **environment: str) -> Service:
        return self.launch("caller_queue.relay:main", data="orders", **{"NATS_URL": self.broker.url, **environment})

    def payments(self, **environment: str) -> Service:
        links = {"NATS_URL": self.broker.url, "CARDS_URL": self.world.url}
        return self.launch("caller_queue.payments:main", data="payments", **{**links, **environment})

    def place(self, *works: str) -> None:
        assert {Client().send(self.orders.url, work) for work in works} == {202}

    def rows(self, service: str, statement: str) -> list[Any]:
        with sqlite3.connect(self.folder / service / f"{service}.db") as db:
            return db.execute(statement).fetchall()

    def unsent(self) -> list[Any]:
        return self.rows("orders", "select id from outbox where sent = 0")

    def ask(self, question: Callable[[JetStreamContext], Awaitable[Any]]) -> Any:
        """Asks the broker something over a connection of the test's own."""

        async def connect_and_ask() -> Any:
            async with await nats.connect(self.broker.url) as client:
                return await question(client.jetstream())

        return asyncio.run(connect_and_ask())

    def undischarged(self) -> int:
        async def count(queue: JetStreamContext) -> int:
            return (await queue.stream_info("ORDERS")).state.messages

        return int(self.ask(count))

    def assert_once(self, *works: str) -> None:
        for work in works:
            self.world.wait_applied("charge", work)
        wait_until(lambda: not self.unsent() and not self.undischarged(), "nothing is pending")
        assert sorted(self.rows("payments", "select work, amount from audit")) == [(work, 5) for work in sorted(works)]
        assert dict(self.world.applied) == {("charge", work): 1 for work in works}
        assert self.world.nonces == {("charge", work): f"nonce-{work}" for work in works}


@pytest.fixture
def queue(launch: Launch, world: World, broker: Broker, tmp_path: Path) -> Queue:
    return Queue(launch, world, broker, tmp_path)


def test_orders_are_paid_once(queue: Queue) -> None:
    """Relay and consumer may start together: both create the queue, and it is one."""
    queue.relay()
    queue.payments()
    works = [f"w{n}" for n in range(10)]
    queue.place(*works)
    queue.assert_once(*works)
    assert sum(queue.world.attempts.values()) == len(works)


def test_clicking_again_is_the_same_order(queue: Queue) -> None:
    """Before and after it is done, the same id is accepted and adds neither order nor message."""
    queue.place("w1")
    queue.place("w1")
    queue.relay()
    queue.payments()
    queue.assert_once("w1")
    queue.place("w1", "w2")
    queue.assert_once("w1", "w2")
    assert queue.rows("orders", "select id from outbox order by id") == [("w1",), ("w2",)]


def test_there_is_no_order_without_its_message(tmp_path: Path) -> None:
    """One commit for both: where the message cannot be written, the order is not accepted either."""
    outbox = Outbox(tmp_path / "orders.db")
    with sqlite3.connect(tmp_path / "orders.db") as db:
        db.execute("create trigger full before insert on outbox begin select raise(abort, 'no room'); end")
    with pytest.raises(sqlite3.IntegrityError, match="no room"):
        outbox.place(Order(id="w1", amount=5, nonce="n"))
    with sqlite3.connect(tmp_path / "orders.db") as db:
        assert db.execute("select id from orders").fetchall() == []


@pytest.mark.parametrize("point", ["recv charge", "applied charge"])
def test_kill_of_the_consumer_around_the_charge(queue: Queue, point: str) -> None:
    """Not acknowledged, so delivered again; the key and the dedupe record absorb the repeat."""
    queue.relay()
    payments = queue.payments()
    queue.world.stop_at(point, "w1")
    queue.place("w1")
    queue.world.wait_at(point, "w1")
    payments.kill()
    payments.start()
    queue.assert_once("w1")
    assert queue.world.attempts["charge", "w1"] == 2


def test_a_message_published_twice_is_paid_once(queue: Queue) -> None:
    """The relay died before it marked the row; also where the broker has forgotten the message id."""
    queue.relay()
    queue.payments()
    queue.place("w1")
    queue.assert_once("w1")
    queue.rows("orders", "update outbox set sent = 0")
    queue.assert_once("w1")

    async def publish_late(jetstream: JetStreamContext) -> None:
        body = '{"id": "w1", "amount": 5, "nonce": "nonce-w1"}'
        await jetstream.publish("orders.placed", body.encode(), headers={"X-Work-Id": "w1"})

    queue.ask(publish_late)
    queue.assert_once("w1")
    assert queue.world.attempts["charge", "w1"] == 1


def test_orders_are_accepted_while_the_broker_is_down(queue: Queue) -> None:
    """The outbox owns them; relay and consumer come back by themselves when the broker does."""
    queue.broker.kill()
    queue.relay()
    queue.payments()
    queue.place("w1")
    assert queue.unsent() == [("w1",)]
    queue.broker.start()
    queue.assert_once("w1")


def test_kill_of_the_broker_keeps_what_it_confirmed(queue: Queue) -> None:
    """A confirmed message is on disk: the relay has forgotten it, and it is paid all the same."""
    queue.relay()
    wait_until(lambda: queue.ask(has_stream), "the queue exists")
    queue.place("w1")
    wait_until(lambda: not queue.unsent(), "the broker has confirmed")
    queue.broker.kill()
    queue.broker.start()
    assert queue.undischarged() == 1
    queue.payments()
    queue.assert_once("w1")


def test_kill_of_the_broker_while_the_consumer_works(queue: Queue) -> None:
    """The acknowledgement meets a dead broker; the message comes again after its restart and is acknowledged then."""
    queue.relay()
    queue.payments()
    gate = queue.world.stop_at("applied charge", "w1")
    queue.place("w1")
    queue.world.wait_at("applied charge", "w1")
    queue.broker.kill()
    gate.set()
    queue.place("w2")
    queue.broker.start()
    queue.assert_once("w1", "w2")


@pytest.mark.parametrize("victim", ["relay", "payments"])
@pytest.mark.parametrize("fault", ["silent", "cut"])
def test_a_link_to_the_broker_that_fails_is_left_and_made_anew(
    queue: Queue, link: Link, victim: str, fault: str
) -> None:
    """Cut, or open and silent: no wait is endless, a second connection is made, and work goes on."""
    through_link = {"NATS_URL": f"nats://127.0.0.1:{link.port}"}
    queue.relay(**through_link if victim == "relay" else {})
    queue.payments(**through_link if victim == "payments" else {})
    queue.place("w1")
    queue.assert_once("w1")
    if fault == "silent":
        link.silent = True
    else:
        link.cut()
    queue.place("w2")
    wait_until(lambda: link.connections > 1, f"{victim} has connected again")
    link.silent = False
    queue.assert_once("w1", "w2")


def test_a_paused_consumer_that_was_overtaken_books_nothing(queue: Queue) -> None:
    """Two consumers work on one message; the dedupe record lets one of them book it."""
    queue.relay()
    sleeper = queue.payments(PARTNER_TIMEOUT_S="10")
    gate = queue.world.stop_at("applied charge", "w1")
    queue.place("w1")
    queue.world.wait_at("applied charge", "w1")
    sleeper.signal(signal.SIGSTOP)
    other = queue.payments()
    queue.assert_once("w1")
    other.kill()
    gate.set()
    sleeper.signal(signal.SIGCONT)
    queue.place("w2")
    queue.assert_once("w1", "w2")


def test_a_partner_that_is_down_is_never_given_up(queue: Queue) -> None:
    """Refused again and again, the message stays in the queue and is paid when the partner is back."""
    queue.relay()
    queue.payments()
    queue.world.down = True
    queue.place("w1")
    wait_until(lambda: queue.world.attempts["charge", "w1"] > 5, "tried again and again")
    queue.world.down = False
    queue.assert_once("w1")


async def has_stream(jetstream: JetStreamContext) -> bool:
    """Whether somebody has made the queue."""
    return bool(await jetstream.streams_info())
