"""The pytest plugin: options, fixtures, and what travels between an xdist worker and whoever reports.

Loaded by pytest where the distribution is installed. It stays out of the way of other suites: it adds its options, and
acts only in tests that ask for its fixtures. Imports of the harness happen inside, so that it costs nothing elsewhere.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from harness.conformance.campaign import Campaign
    from harness.conformance.worker import Worker

PR_SET_PDEATHSIG = 1


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--retrigger-manifest` and its companions."""
    group = parser.getgroup("retrigger", "conformance of services under fault injection")
    add = group.addoption
    add("--retrigger-manifest", action="append", default=[], metavar="PATH", help="a retrigger.toml, or its folder")
    add("--retrigger-explore", default="single", help="core, single (default) or random")
    add("--retrigger-seed", type=int, default=0, help="seed of random plans")
    add("--retrigger-examples", type=int, default=100, help="how many random plans")
    add("--retrigger-image", default="", metavar="IMAGE", help="run its processes in containers of this image")
    add("--retrigger-campaign", default="", help="a whole campaign as JSON, as `retrigger run` passes it")


def pytest_configure(config: pytest.Config) -> None:
    """A worker dies with its controller, however that one ends; its keeper then removes everything it had started."""
    if os.environ.get("PYTEST_XDIST_WORKER") and sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def campaign_of(config: pytest.Config) -> Campaign:
    """The campaign that the options describe."""
    from harness.conformance.campaign import Campaign

    if config.getoption("--retrigger-campaign"):
        return Campaign.from_json(json.loads(config.getoption("--retrigger-campaign")))
    return Campaign(
        manifests=tuple(config.getoption("--retrigger-manifest")),
        explore=config.getoption("--retrigger-explore"),
        seed=config.getoption("--retrigger-seed"),
        examples=config.getoption("--retrigger-examples"),
        image=config.getoption("--retrigger-image"),
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test per chunk of the campaign."""
    if "chunk" not in metafunc.fixturenames or metafunc.module.__name__ != "harness.conformance.test_plans":
        return
    campaign = campaign_of(metafunc.config)
    chunks = campaign.chunks(campaign.systems())
    metafunc.parametrize("chunk", chunks, ids=[chunk.id for chunk in chunks])


@pytest.fixture(scope="session")
def retrigger_worker(pytestconfig: pytest.Config) -> Iterator[Worker]:
    """This worker's stage: own keeper, own Toxiproxy process, own ports, folders, brokers and world."""
    from harness.conformance.worker import Worker

    worker = Worker(campaign_of(pytestconfig))
    yield worker
    worker.close()


def results_of(report: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """What a test reported through its properties: (kind, content), for whoever collects."""
    for name, value in report.user_properties:
        if name.startswith("retrigger-"):
            yield name, json.loads(value)
