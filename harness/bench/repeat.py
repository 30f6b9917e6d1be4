"""A pytest plugin for campaigns that are measured: every plan several times, and when each case ended on which worker.

A worker remembers how a plan ended and does not run it twice, which would make a repeat the fastest of all cases; here
it forgets before each test. Loaded by `-p harness.bench.repeat`, in the process that reports as in every worker.
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest

__all__ = ["ENDED", "End"]


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """The end of one case. worker: its name. at_s: seconds since the epoch, the clock that all workers share."""

    worker: str
    at_s: float


ENDED: list[End] = []
"""The cases of the campaign that ran last in this process: the caller of `pytest.main` reads them from here."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """How often."""
    parser.addoption("--retrigger-repeat", type=int, default=1, help="run every plan so many times")


def pytest_configure() -> None:
    """A new campaign begins."""
    ENDED.clear()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """As many tests of each plan as were asked for."""
    if "chunk" in metafunc.fixturenames:
        metafunc.fixturenames.append("repetition")
        metafunc.parametrize("repetition", range(metafunc.config.getoption("--retrigger-repeat")))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> None:
    """Makes the worker forget."""
    if isinstance(item, pytest.Function) and (worker := item.funcargs.get("retrigger_worker")):
        worker._ended.clear()  # type: ignore[attr-defined]


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Takes note of the end of a case."""
    if report.when == "call":
        ENDED.append(End(worker=getattr(report, "worker_id", "main"), at_s=report.stop))
