"""`docker-compose.yml`: what a person may touch by hand, and that it holds there too."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.engine import needs_containers

ROOT = Path(__file__).parents[2]
LIMIT_S = 20.0


def services() -> dict[str, Any]:
    """The services of the file."""
    found: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    return found


def test_every_published_port_is_pinned_and_on_loopback() -> None:
    """A port that the engine chooses would change at each restart; another interface would be everybody's."""
    ports = [port for service in services().values() for port in service.get("ports", [])]
    assert ports
    for port in ports:
        host, outside, inside = port.split(":")
        assert host == "127.0.0.1"
        assert outside.isdigit()
        assert inside.isdigit()


def test_every_link_goes_through_the_proxy() -> None:
    """No service is told the address of another one directly, and each proxied port leads somewhere."""
    proxies = {proxy["listen"].rpartition(":")[2] for proxy in yaml.safe_load((ROOT / "compose/toxiproxy.json").open())}
    for service in services().values():
        for value in service.get("environment", {}).values():
            if "://" in value:
                assert value.partition("://")[2].split(":")[0] == "toxiproxy"
                assert value.rpartition(":")[2] in proxies


def compose(*words: str) -> None:
    """Runs docker-compose on a project of this test's own."""
    command = ["docker-compose", "--project-name", "retrigger-test", "--file", str(ROOT / "docker-compose.yml"), *words]
    subprocess.run(command, check=True, capture_output=True, timeout=120, env={**os.environ, "COMPOSE_PROFILES": ""})


@pytest.fixture
def stack() -> Iterator[None]:
    """Everything in the file except the database, up and gone afterwards."""
    compose("up", "-d", "--no-build")
    yield
    compose("down", "-v", "--timeout", "0")


def applied() -> dict[str, int]:
    """How often the partner was asked, by key."""
    found = httpx.get("http://127.0.0.1:20000/applied", trust_env=False).json()
    assert len(found) == len({row["key"] for row in found}), "an effect took place twice"
    return {row["key"]: row["asked"] for row in found}


def until_applied(*keys: str) -> None:
    """Waits for effects."""
    end_s = time.monotonic() + LIMIT_S
    while not set(keys) <= set(applied()):
        assert time.monotonic() < end_s, f"{keys} expected, {applied()} found"
        time.sleep(0.1)


def place(port: int, key: str) -> None:
    """Places an order as somebody who clicks until he has an answer."""
    end_s = time.monotonic() + LIMIT_S
    while True:
        try:
            order = {"id": key, "amount": 5}
            httpx.post(f"http://127.0.0.1:{port}/orders", json=order, trust_env=False).raise_for_status()
            return
        except httpx.HTTPError:
            assert time.monotonic() < end_s, f"{key} is not accepted"
            time.sleep(0.2)


@needs_containers
@pytest.mark.slow
@pytest.mark.skipif(shutil.which("docker-compose") is None, reason="no docker-compose: apt-get install docker-compose")
@pytest.mark.usefixtures("stack")
def test_a_worker_that_is_killed_by_hand_loses_nothing() -> None:
    """Both placements: an order is done, one that comes while the worker is dead is done when it is back."""
    for port, worker in ((20001, "inbox-worker"), (20003, "queue-payments")):
        place(port, f"{worker}-1")
        until_applied(f"{worker}-1")
        compose("kill", worker)
        place(port, f"{worker}-2")
        assert f"{worker}-2" not in applied()
        compose("start", worker)
        until_applied(f"{worker}-2")
