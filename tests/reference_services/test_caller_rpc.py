"""Reliable RPC: the row is called until it is answered, whoever dies, and payments does it once."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from tests.reference_services.conftest import Launch
from tests.reference_services.rig import Client, World, wait_until


class Callers:
    """Orders with its outbox, and payments behind it."""

    def __init__(self, launch: Launch, world: World, folder: Path) -> None:
        self.world, self.folder = world, folder
        self.payments = launch("payments:app", data="payments", CARDS_URL=world.url)
        self.orders = launch("caller_rpc.orders:app", data="orders", PAYMENTS_URL=self.payments.url)

    def rows(self, service: str, statement: str) -> list[Any]:
        with sqlite3.connect(self.folder / service / f"{service}.db") as db:
            return db.execute(statement).fetchall()

    def assert_once(self, *works: str) -> None:
        wait_until(lambda: not self.rows("orders", "select id from outbox where sent = 0"), "every row is answered")
        assert sorted(self.rows("payments", "select work, amount from audit")) == [(work, 5) for work in sorted(works)]
        assert dict(self.world.applied) == {("charge", work): 1 for work in works}


@pytest.fixture
def callers(launch: Launch, world: World, tmp_path: Path) -> Callers:
    return Callers(launch, world, tmp_path)


def test_orders_are_accepted_while_payments_is_down_and_called_when_it_is_back(callers: Callers) -> None:
    """The row needs nobody to be there; the customer has his 202."""
    callers.payments.kill()
    assert {Client().send(callers.orders.url, work) for work in ("w1", "w2", "w1")} == {202}
    callers.payments.start()
    callers.assert_once("w1", "w2")


def test_a_row_that_was_not_answered_outlives_its_caller(callers: Callers) -> None:
    """Killed while payments works: called again without being asked for, and it is still one order."""
    gate = callers.world.stop_at("applied charge", "w1")
    assert Client().send(callers.orders.url, "w1") == 202
    callers.world.wait_at("applied charge", "w1")
    callers.orders.kill()
    gate.set()
    callers.orders.start()
    callers.assert_once("w1")
    assert callers.world.attempts["charge", "w1"] >= 2


def test_an_order_that_fails_holds_up_no_other(callers: Callers) -> None:
    """Its call is made again in each round, after those that are new."""
    for _ in range(2):
        callers.world.stop_at("recv charge", "w1").set()
        assert Client().send(callers.orders.url, "w1") == 202
        assert Client().send(callers.orders.url, "w2") == 202
    callers.assert_once("w1", "w2")
