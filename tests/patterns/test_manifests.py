"""The manifests of the patterns: well-formed, truthful, and enough to run them from."""

from __future__ import annotations

import asyncio
import re
import sqlite3
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import nats
import pytest

import patterns
from harness.manifest.model import Manifest, NatsSource, Process, SqlSource
from tests.reference_services.rig import Broker, Service, World, wait_until

NAMES = [
    *("callee_inbox", "callee_naive", "caller_queue", "caller_rpc", "caller_topic"),
    *("progress_log", "progress_reexec"),
    *("upstream_no_root", "upstream_retries", "upstream_service", "upstream_sync"),
]
ROOM = Path(patterns.__file__).parent


def read(name: str) -> Manifest:
    """The manifest of a pattern."""
    return Manifest.model_validate(tomllib.loads((ROOM / name / "retrigger.toml").read_text(encoding="utf-8")))


class System:
    """A pattern started from its manifest alone, with direct links instead of proxied ones."""

    def __init__(self, manifest: Manifest, folder: Path) -> None:
        self.manifest, self.folder, self.world = manifest, folder, World()
        self.brokers = {resource.name: Broker(folder).start() for resource in manifest.resource}
        self.services = {process.name: Service(self.target(process), {}) for process in manifest.process}
        for process in manifest.process:
            service = self.services[process.name]
            service.environment = {key: self.fill(text, process.name) for key, text in process.env.items()}
            service.start()

    @staticmethod
    def target(process: Process) -> str:
        return (process.app or process.main or "").removeprefix("reference_services.")

    def fill(self, text: str, owner: str = "") -> str:
        def value(found: re.Match[str]) -> str:
            kind, _, name = found[1].partition(":")
            if kind == "data":
                return str(self.folder / (name or owner))
            parts: dict[str, World | Service | Broker] = {"world": self.world, **self.services, **self.brokers}
            return parts[name].url

        return re.sub(r"{([^}]+)}", value, text)

    def submit(self, work: str) -> int:
        assert self.manifest.submit
        request = self.manifest.submit.request
        assert request
        body = {key: self.of(work, value) for key, value in request.json_.items()}
        url = self.services[self.manifest.submit.node].url + request.path
        return httpx.request(request.method, url, json=body, timeout=5.0, trust_env=False).status_code

    @staticmethod
    def of(work: str, value: Any) -> Any:
        return value.format(work=work, nonce=f"nonce-{work}") if isinstance(value, str) else value

    def rows(self, source: SqlSource) -> list[str]:
        assert source.sqlite
        with sqlite3.connect(self.fill(source.sqlite)) as db:
            return [row[0] for row in db.execute(source.query)]

    def waiting(self, source: NatsSource) -> int:
        async def ask() -> int:
            async with await nats.connect(self.brokers[source.resource].url) as client:
                consumer = await client.jetstream().consumer_info(source.stream, source.consumer)
                return (consumer.num_pending or 0) + (consumer.num_ack_pending or 0)

        return asyncio.run(ask())

    def pending(self) -> int:
        """Undischarged triggers, over all readers of the manifest."""
        sources = self.manifest.pending
        return sum(len(self.rows(p.sql)) if p.sql else self.waiting(p.nats) if p.nats else 0 for p in sources)

    def close(self) -> None:
        parts: list[World | Service | Broker] = [*self.services.values(), *self.brokers.values(), self.world]
        for part in parts:
            part.close()


@pytest.fixture(params=NAMES)
def system(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[System]:
    """Each pattern in turn, up and running."""
    system = System(read(request.param), tmp_path)
    yield system
    system.close()


def test_a_pattern_runs_from_its_manifest_alone(system: System) -> None:
    """Every declared effect is found where the manifest says, once per work; every reader of pending work drains."""
    works = ["w1", "w2", "w3"]
    assert system.manifest.submit
    assert {system.submit(work) for work in works} <= set(system.manifest.submit.accepted)
    effects = [effect for node in system.manifest.node for effect in node.effects]
    for effect in effects:
        if effect.at:
            for work in works:
                system.world.wait_applied(effect.at.rpartition("/")[2], work)
    wait_until(lambda: system.pending() == 0, "no trigger is left")
    for effect in effects:
        if effect.sql:
            assert sorted(system.rows(effect.sql)) == works
    assert set(system.world.applied.values()) == {1}
    assert set(system.world.nonces.values()) == {f"nonce-{work}" for work in works}


@pytest.mark.parametrize("name", NAMES)
def test_a_pattern_is_called_like_its_folder(name: str) -> None:
    """The name on the command line is the name in the report."""
    assert read(name).name == name
    assert (ROOM / name / "README.md").is_file()


@pytest.mark.parametrize("name", NAMES)
def test_only_those_that_nobody_owns_expect_to_be_caught(name: str) -> None:
    """`expect` says what a teaching example is for."""
    assert read(name).expect == ("violated" if name in ("callee_naive", "upstream_no_root") else "holds")


def environment(name: str, process: str) -> dict[str, float]:
    """The durations that a manifest gives to a process, in seconds."""
    [found] = [p for p in read(name).process if p.name == process]
    return {key: float(value) for key, value in found.env.items() if key.endswith("_S")}


def test_the_inbox_declares_the_times_that_it_runs_with() -> None:
    """A trigger's constants are those in the worker's environment, with the poll on top of the lease."""
    times = environment("callee_inbox", "worker")
    [trigger] = [edge.trigger for edge in read("callee_inbox").edge]
    assert trigger
    assert trigger.lease_s == times["LEASE_S"]
    assert trigger.max_detect_s >= times["LEASE_S"] + times["POLL_S"]
    assert trigger.backoff_max_s == times["BACKOFF_MAX_S"]
    assert trigger.work_s == times["PARTNER_TIMEOUT_S"] < times["LEASE_S"]


def test_the_queue_declares_the_times_that_it_runs_with() -> None:
    """Both users of the queue agree on its settings, and detection covers a broker that falls silent."""
    relay, payments = environment("caller_queue", "relay"), environment("caller_queue", "payments")
    outbox, queue = (edge.trigger for edge in read("caller_queue").edge)
    assert outbox
    assert queue
    assert relay["ACK_WAIT_S"] == payments["ACK_WAIT_S"] == queue.lease_s
    assert outbox.max_detect_s >= 2 * relay["BROKER_TIMEOUT_S"] + relay["RECONNECT_S"] + relay["POLL_S"]
    silence_s = payments["FETCH_S"] + 3 * payments["BROKER_TIMEOUT_S"] + payments["RECONNECT_S"]
    assert queue.max_detect_s >= max(silence_s, payments["ACK_WAIT_S"])
    assert queue.backoff_max_s == payments["BACKOFF_MAX_S"]
    assert payments["PARTNER_TIMEOUT_S"] <= queue.work_s < payments["ACK_WAIT_S"]


def test_each_hop_of_the_chain_waits_less_long_than_the_one_above() -> None:
    """Otherwise the caller gives up first and never hears what went wrong below."""
    manifest = read("upstream_sync")
    orders, payments, ledger = (environment("upstream_sync", name) for name in ("orders", "payments", "ledger"))
    assert ledger["PARTNER_TIMEOUT_S"] < payments["CHILD_TIMEOUT_S"]
    assert payments["PARTNER_TIMEOUT_S"] + payments["CHILD_TIMEOUT_S"] < orders["CHILD_TIMEOUT_S"]
    assert manifest.submit
    assert orders["PARTNER_TIMEOUT_S"] + orders["CHILD_TIMEOUT_S"] < manifest.submit.timeout_s


def test_nobody_owns_the_naive_payment() -> None:
    """The flaw is declared: an edge that is neither awaited nor triggered."""
    [edge] = read("callee_naive").edge
    assert not edge.awaits
    assert edge.trigger is None
