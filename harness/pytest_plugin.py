"""The pytest plugin: options, fixtures, and what travels between an xdist worker and whoever reports.

Loaded by pytest where the distribution is installed. It stays out of the way of other suites: it adds its options, and
acts only in tests that ask for its fixtures. Imports of the harness happen inside, so that it costs nothing elsewhere.
"""

from __future__ import annotations

import ctypes
import json
import os
import re
import secrets
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from harness.conformance.campaign import Campaign
    from harness.conformance.shared import SharedCases
    from harness.conformance.worker import Worker

PR_SET_PDEATHSIG = 1
SESSION = pytest.StashKey[str]()
"""A name for this run of pytest, the same in all its workers; it begins with the process id of whoever reports."""
TOLD = pytest.StashKey[list[str]]()
"""What the summary says."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--retrigger-manifest` and its companions."""
    group = parser.getgroup("retrigger", "conformance of services under fault injection")
    add = group.addoption
    add("--retrigger-manifest", action="append", default=[], metavar="PATH", help="a retrigger.toml, or its folder")
    add(
        "--retrigger-explore",
        default="single",
        help="core, single (default), compound, pairs (with commas between), or random",
    )
    add("--retrigger-seed", type=int, default=0, help="seed of random plans")
    add("--retrigger-examples", type=int, default=100, help="how many random plans")
    add("--retrigger-works", type=int, default=2, help="pieces of work in a case")
    add("--retrigger-shard", default="1/1", metavar="I/N", help="run only this part of the plans")
    add("--retrigger-budget", default="", metavar="TIME", help="begin no case after this time, e.g. 180s or 5m")
    add("--retrigger-baseline", default="", metavar="FILE", help="known failures; stale ones fail")
    add("--retrigger-out", default="build/retrigger", metavar="DIR", help="folder for plans, histories and reports")
    add("--retrigger-report", action="append", default=[], metavar="FORM", help="json, junit, md, jsonl; with =FILE")
    add("--retrigger-image", default="", metavar="IMAGE", help="run its processes in containers of this image")
    add("--retrigger-campaign", default="", help="a whole campaign as JSON, as `retrigger run` passes it")


def pytest_configure(config: pytest.Config) -> None:
    """A worker dies with its controller, however that one ends; its keeper then removes everything it had started."""
    config.addinivalue_line("markers", "retrigger: the conformance suite, which starts services and injects faults")
    shared = getattr(config, "workerinput", {}).get("retrigger_session")
    config.stash[SESSION] = shared or f"{os.getpid()}-{secrets.token_hex(4)}"
    if os.environ.get("PYTEST_XDIST_WORKER") and sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tells an xdist worker the name of the run."""
    node.workerinput["retrigger_session"] = node.config.stash[SESSION]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Keeps the tests of a family in one worker, where the suite runs by itself and nothing else was asked for."""
    if not config.getoption("--retrigger-manifest") or config.getvalue("dist") != "load":
        return None
    from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]  # it has no stubs

    class ByFamily(LoadScopeScheduling):  # type: ignore[misc]  # for the same reason
        """A scope is a family; xdist means this method to be overridden."""

        def _split_scope(self, nodeid: str) -> str:
            return re.sub(r"-P\d+[a-z]?\]$", "]", nodeid)

    return ByFamily(config, log)


def campaign_of(config: pytest.Config) -> Campaign:
    """The campaign that the options describe. Relative paths start where pytest was called."""
    from harness.conformance.campaign import Campaign, seconds_of, shard_of
    from harness.conformance.where import manifest_path

    option, here = config.getoption, config.invocation_params.dir
    if option("--retrigger-campaign"):
        return Campaign.from_json(json.loads(option("--retrigger-campaign")))
    return Campaign(
        manifests=tuple(str(here / manifest_path(path)) for path in option("--retrigger-manifest")),
        explore=option("--retrigger-explore"),
        seed=option("--retrigger-seed"),
        examples=option("--retrigger-examples"),
        works=option("--retrigger-works"),
        shard=shard_of(option("--retrigger-shard")),
        budget_s=seconds_of(option("--retrigger-budget")) if option("--retrigger-budget") else None,
        baseline=str(here / option("--retrigger-baseline")) if option("--retrigger-baseline") else "",
        out=str(here / option("--retrigger-out")),
        image=option("--retrigger-image"),
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """The tests of a suite; or one test per chunk of the campaign that `retrigger run` passes."""
    if hasattr(metafunc.cls, "retrigger_tests"):
        from harness.errors import HarnessError

        try:
            metafunc.cls.retrigger_tests(metafunc, campaign_of(metafunc.config))
        except HarnessError as error:
            raise pytest.Collector.CollectError(str(error)) from None
    if "chunk" not in metafunc.fixturenames or metafunc.module.__name__ != "harness.conformance.cases":
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


@pytest.fixture(scope="session")
def retrigger_cases(pytestconfig: pytest.Config) -> Iterator[SharedCases]:
    """The cases of the suite, each run once in the whole session."""
    from harness.conformance.shared import SharedCases

    cases = SharedCases(_session_folder(pytestconfig))
    yield cases
    cases.close()


def _session_folder(config: pytest.Config) -> Path:
    out: Path = config.invocation_params.dir / config.getoption("--retrigger-out")
    return out / f"session-{config.stash[SESSION]}"


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Writes the reports of what the suite has run, once, after all workers."""
    folder = _session_folder(session.config)
    if hasattr(session.config, "workerinput") or not folder.is_dir():
        return
    from harness.conformance.session_report import report_session

    session.config.stash[TOLD] = report_session(session.config, folder)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """A few lines on what the suite found, and where the picture is."""
    lines = config.stash.get(TOLD, [])
    if lines:
        terminalreporter.write_sep("=", "retrigger")
        for line in lines:
            terminalreporter.write_line(line)


def results_of(report: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """What a test reported through its properties: (kind, content), for whoever collects."""
    for name, value in report.user_properties:
        if name.startswith("retrigger-"):
            yield name, json.loads(value)
