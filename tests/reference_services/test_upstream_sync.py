"""The chain of three: a 200 means that all is done, and clicking again with the same key finishes what was begun."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.reference_services.conftest import Launch
from tests.reference_services.rig import Client, Service, World, wait_until

EFFECTS = ("reserve", "charge", "enter")


class Chain:
    """The three services, started from the end."""

    def __init__(self, launch: Launch, world: World, folder: Path) -> None:
        self.world, self.folder = world, folder
        self.ledger = launch("upstream_sync.ledger:app", data="ledger", BOOKS_URL=world.url)
        self.payments = launch(
            "upstream_sync.payments:app", data="payments", CARDS_URL=world.url, LEDGER_URL=self.ledger.url
        )
        self.orders = launch(
            "upstream_sync.orders:app", data="orders", STOCK_URL=world.url, PAYMENTS_URL=self.payments.url
        )

    def click(self, work: str = "w1") -> int:
        return Client().send(self.orders.url, work)

    def audits(self) -> list[list[tuple[str, int]]]:
        found = []
        for service in ("orders", "payments", "ledger"):
            with sqlite3.connect(self.folder / service / f"{service}.db") as db:
                found.append(db.execute("select work, amount from audit order by seq").fetchall())
        return found

    def assert_once(self, work: str = "w1") -> None:
        assert {effect: self.world.applied[effect, work] for effect in EFFECTS} == dict.fromkeys(EFFECTS, 1)
        assert {self.world.nonces[effect, work] for effect in EFFECTS} == {f"nonce-{work}"}
        assert self.audits() == [[(work, 5)]] * 3


@pytest.fixture
def chain(launch: Launch, world: World, tmp_path: Path) -> Chain:
    return Chain(launch, world, tmp_path)


def test_a_confirmation_means_that_everything_below_is_done(chain: Chain) -> None:
    """At the instant of the 200 all three effects and all three bookings are there."""
    assert chain.click() == 200
    chain.assert_once()


@pytest.mark.parametrize("effect", EFFECTS)
@pytest.mark.parametrize("point", ["recv", "applied"])
def test_kill_anywhere_and_click_again(chain: Chain, effect: str, point: str) -> None:
    """Whichever node dies around its effect: no confirmation, and the second click completes each effect once."""
    victim: Service = dict(zip(EFFECTS, (chain.orders, chain.payments, chain.ledger), strict=True))[effect]
    chain.world.stop_at(f"{point} {effect}", "w1")
    with ThreadPoolExecutor(1) as human:
        first_click = human.submit(chain.click)
        chain.world.wait_at(f"{point} {effect}", "w1")
        victim.kill()
        assert first_click.result() in (0, 502)
    victim.start()
    assert chain.click() == 200
    chain.assert_once()


def test_an_error_below_is_never_swallowed(chain: Chain) -> None:
    """Every node passes a failed child up instead of confirming; what was begun is completed by the next click."""
    chain.ledger.kill()
    assert chain.click() == 502
    assert chain.world.applied["charge", "w1"] == 1
    chain.ledger.start()
    assert chain.click() == 200
    chain.assert_once()


def test_a_lost_answer_of_a_partner_is_unknown_and_not_done(chain: Chain) -> None:
    """No node retries by itself: one attempt, an error to the human, and his next click is the retry."""
    chain.world.stop_at("applied enter", "w1").set()
    assert chain.click() == 502
    assert chain.world.attempts["enter", "w1"] == 1
    assert chain.click() == 200
    chain.assert_once()


def test_two_clicks_at_once_are_one_order(chain: Chain) -> None:
    """A double click runs the chain twice at the same time and still has every effect once."""
    with ThreadPoolExecutor(2) as human:
        assert set(human.map(lambda _: chain.click(), range(2))) == {200}
    chain.assert_once()


def test_the_same_key_gets_the_same_answer(chain: Chain) -> None:
    """The receipts in the answer are those of the first time."""
    order = {"id": "w1", "amount": 5, "nonce": "nonce-w1"}
    answers = [httpx.post(f"{chain.orders.url}/orders", json=order, trust_env=False).json() for _ in range(2)]
    assert answers[0] == answers[1]
    assert set(answers[0]) == {"id", "nonce", "reserved", "charged", "entered"}


def test_an_orphan_that_goes_on_working_does_no_harm(chain: Chain) -> None:
    """The head dies while its child works; the child finishes for nobody, and the retry finds it done."""
    gate = chain.world.stop_at("recv charge", "w1")
    with ThreadPoolExecutor(1) as human:
        first_click = human.submit(chain.click)
        chain.world.wait_at("recv charge", "w1")
        chain.orders.kill()
        assert first_click.result() == 0
    chain.orders.start()
    assert chain.click() == 200
    gate.set()
    wait_until(lambda: chain.world.attempts["charge", "w1"] == 2, "both came")
    chain.assert_once()
