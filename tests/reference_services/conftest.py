"""Fixtures: a partner, a broker, and a way to launch services that leaves none behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.reference_services.rig import Broker, Link, Service, World

QUICK = {
    "ACK_WAIT_S": "0.4",
    "BACKOFF_MAX_S": "0.1",
    "BACKOFF_S": "0.02",
    "BROKER_TIMEOUT_S": "0.5",
    "CHILD_TIMEOUT_S": "1.0",
    "FETCH_S": "0.25",
    "LEASE_S": "0.2",
    "PARTNER_TIMEOUT_S": "0.5",
    "POLL_S": "0.01",
    "RECONNECT_S": "0.05",
    "RETRY_S": "0.02",
}
"""Every duration of every service, so short that a test need not wait."""

Launch = Callable[..., Service]


@pytest.fixture
def world() -> Iterator[World]:
    """The partner that every effect goes to."""
    world = World()
    yield world
    world.close()


@pytest.fixture
def launch(tmp_path: Path) -> Iterator[Launch]:
    """Starts `package.module:app` or `:main`; `data` names its folder, the rest is its environment."""
    services: list[Service] = []

    def start(target: str, *, data: str = "data", **environment: str) -> Service:
        service = Service(target, {**QUICK, "DATA_DIR": str(tmp_path / data), **environment})
        services.append(service)
        return service.start()

    yield start
    for service in services:
        service.close()


@pytest.fixture
def link(broker: Broker) -> Iterator[Link]:
    """A hop of one's own to the broker."""
    link = Link(broker.port)
    yield link
    link.close()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    """A broker that is up."""
    broker = Broker(tmp_path).start()
    yield broker
    broker.close()
