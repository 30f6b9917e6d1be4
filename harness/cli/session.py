"""A campaign from start to report: pytest runs the plans, on xdist workers where asked; results come in one by one."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from harness.conformance.baseline import Entry, known_failures, read_baseline
from harness.conformance.campaign import Campaign, Chunk
from harness.conformance.collect import Collected, case_from_json, run_head
from harness.conformance.estimate import Estimate, estimate
from harness.conformance.worker import CASE, CONTRACT
from harness.errors import ContractError, HarnessError, UsageError
from harness.network import Server, find_server
from harness.plans.sweep import needs_strace
from harness.pytest_plugin import results_of
from harness.report.model import RunReport
from harness.report.terminal import Reporter
from harness.runner.system import System
from harness.targets.trace import can_trace, require_strace

LAST_RESORT_S = 3.0
INTERRUPTED = 130
WORTH_A_WORKER = 40
"""Cases for each worker from which on more than two a core are worth their set-up, with some to spare."""

__all__ = ["INTERRUPTED", "Interrupted", "Outcome", "paying_workers", "run_campaign", "worker_count"]


class Interrupted(Exception):
    """Ctrl-C or SIGTERM: everything was cleaned up, and there is no report."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a campaign left: the report, and the errors that are not the system's."""

    report: RunReport
    errors: list[str]


def worker_count(asked: str) -> int:
    """`auto` is two workers a core: a case mostly waits for detection, not for a processor.

    Raises:
        UsageError: neither `auto` nor a number.
    """
    if asked == "auto":
        return 2 * len(os.sched_getaffinity(0))
    if not asked.isdigit():
        raise UsageError(f"-n takes a number of workers or `auto`, not {asked!r}")
    return int(asked)


def paying_workers(systems: Iterable[System], chunks: Sequence[Chunk]) -> int:
    """What `auto` is for a campaign: two workers a core, or up to four where that many pay.

    With two a core the cores are idle for a third of the time, where cases wait for what is declared. A further one
    costs its set-up, which it earns in some twenty cases; and brokers of its own, which need not fit the machine, so of
    a system that has any there are two.
    """
    cores = len(os.sched_getaffinity(0))
    cases = sum(chunk.examples or 1 for chunk in chunks)
    light = not any(system.resource_names for system in systems)
    paying = min(4 * cores, cases // WORTH_A_WORKER) if light else 0
    return max(2 * cores, paying)


def run_campaign(
    campaign: Campaign, workers: int | None, reporter: Reporter, pytest_args: list[str], command: str
) -> Outcome:
    """Runs a campaign and tells `reporter` all along.

    Args:
        campaign: what to run. workers: how many at the same time; None for as many as pay.
        reporter: who is told. pytest_args: passed on. command: the command line in words.

    Raises:
        ManifestError: a manifest or the baseline cannot be read.
        ContractError: a system does not do what its manifest says, even without faults.
        Interrupted: the person or the machine wants to stop.
    """
    systems = campaign.systems()
    baseline = baseline_of(campaign, systems)
    _require_engine(systems, reporter)
    server = find_server(progress=reporter.preparing)
    chunks = campaign.chunks(systems)
    if any(needs_strace(chunk.plan) for chunk in chunks if chunk.plan):
        asyncio.run(require_strace())
    elif "compound" in campaign.explore and not can_trace():
        reporter.preparing("strace cannot be used here: compound leaves out the kills between two commits")
    workers = min(workers or paying_workers(systems, chunks), max(1, len(chunks)))
    foreseen = estimate(systems, chunks, workers)
    head = replace(run_head(campaign, server, workers=workers, command=command), estimated_s=foreseen.seconds)
    reporter.run_started(head, [system.name for system in systems])
    collector = _Collector(campaign, systems, reporter, baseline, foreseen)
    begun_s = time.monotonic()
    _pytest(campaign, workers, collector, pytest_args, server)
    if collector.contract:
        raise ContractError(*collector.contract.values())
    seconds = time.monotonic() - begun_s
    return collector.outcome(head, seconds)


def baseline_of(campaign: Campaign, systems: list[System]) -> tuple[Entry, ...]:
    """The known failures of a campaign, checked against its systems before anything is run.

    Raises:
        ManifestError: the file cannot be read, or an entry names what cannot be checked.
    """
    entries = read_baseline(Path(campaign.baseline)) if campaign.baseline else ()
    for system in systems:
        known_failures(entries, system, campaign.works)
    return entries


def _require_engine(systems: list[System], reporter: Reporter) -> None:
    """Where containers are to be run: an engine answers and has the images. Says what runs in them, and what does not.

    Raises:
        SetupError, ContractError: nothing could be run.
    """
    contained = [system for system in systems if system.contained]
    if not contained:
        return
    from harness.targets.engine import require_images

    images = {process.container for system in contained for process in system.manifest.process if process.container}
    engine = require_images(sorted(images))
    for system in contained:
        others = sorted({*system.process_names, *system.resource_names} - set(system.contained))
        beside = f"; {', '.join(others)} as processes" if others else ""
        reporter.preparing(f"{system.name}: {', '.join(system.contained)} in containers (engine {engine}){beside}")


def _pytest(campaign: Campaign, workers: int, collector: _Collector, extra: list[str], server: Server) -> None:
    os.environ["RETRIGGER_TOXIPROXY"] = str(server.path) if server.path else "stand-in"
    args = ["--pyargs", "harness.conformance.cases", "-p", "no:terminal", "-p", "no:cacheprovider"]
    args += ["-c", os.devnull, "--rootdir", str(Path.cwd())]
    args += [f"--retrigger-campaign={json.dumps(campaign.to_json())}"]
    args += ["-n", str(workers), "--dist", "load", "--maxschedchunk", "1"] if workers > 1 else ["-p", "no:xdist"]
    collector.in_workers = workers > 1
    with _stopping_for_sure():
        code = pytest.main([*args, *extra], plugins=[collector])
    if code == pytest.ExitCode.INTERRUPTED and not collector.crash:
        raise Interrupted
    if collector.crash:
        raise HarnessError(*collector.crash)
    if code not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.NO_TESTS_COLLECTED):
        raise HarnessError(f"pytest ended with exit status {code}")


@contextmanager
def _stopping_for_sure() -> Iterator[None]:
    """Lets Ctrl-C and SIGTERM end the run in any case.

    The orderly way is that of a Ctrl-C: an event loop that is running cancels its task, which cleans up. It can get
    lost where exceptions are swallowed. Therefore a thread hears of the signal as well, and ends this process if that
    takes too long: its workers end with it, and the keepers remove whatever was started.
    """
    heard, told = socket.socketpair()
    told.setblocking(False)
    threading.Thread(target=_leave_in_the_end, args=(heard,), daemon=True).start()
    before = signal.set_wakeup_fd(told.fileno(), warn_on_full_buffer=False)
    previous = signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)
        signal.set_wakeup_fd(before)
        told.close()


def _leave_in_the_end(heard: socket.socket) -> None:
    """Waits for an interrupt, and then for the end of the run; leaves where that does not come in time."""
    with heard:
        try:
            while numbers := heard.recv(64):
                if {signal.SIGINT, signal.SIGTERM} & set(numbers):
                    heard.settimeout(LAST_RESORT_S)
        except TimeoutError:
            print("retrigger: interrupted; the keepers remove what was started", file=sys.stderr, flush=True)
            os._exit(INTERRUPTED)


class _Collector:
    """The plugin that hears of every test in the process that reports."""

    def __init__(
        self,
        campaign: Campaign,
        systems: list[System],
        reporter: Reporter,
        baseline: tuple[Entry, ...],
        foreseen: Estimate,
    ) -> None:
        self.campaign = campaign
        self.reporter = reporter
        self.contract: dict[str, str] = {}
        self.crash: list[str] = []
        self.in_workers = False
        """Whether the cases are run by other processes, which are then the only children of this one."""
        chunks = campaign.chunks(systems)
        self.collected = {
            system.name: Collected(
                system=system, planned=[c for c in chunks if c.system == system.name], baseline=baseline
            )
            for system in systems
        }
        reporter.cases_started(sum(each.plans for each in self.collected.values()), str(foreseen))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Takes the cases out of a finished test."""
        if report.when == "call":
            for kind, content in results_of(report):
                self._take(kind, content)
        told = report.when == "call" and any(True for _ in results_of(report))
        if report.failed and not told:
            self.crash.append(str(report.longreprtext))

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A failure while collecting is ours."""
        if report.failed:
            self.crash.append(str(report.longreprtext))

    def pytest_keyboard_interrupt(self) -> None:
        """Ends the workers at once: nobody waits for their cases any more, and their keepers clean up after them."""
        if self.in_workers:
            for worker in psutil.Process().children():
                with contextlib.suppress(psutil.Error):  # it has gone by itself
                    worker.kill()

    def pytest_internalerror(self, excrepr: object) -> None:
        """As is an internal one."""
        self.crash.append(str(excrepr))

    def _take(self, kind: str, content: dict[str, Any]) -> None:
        if kind == CONTRACT and content["code"] != ContractError.exit_code:
            self.crash.append(content["text"])
        elif kind == CONTRACT:
            self.contract.setdefault(content["system"], content["text"])
        elif kind == CASE:
            case, name = case_from_json(content["case"]), content["system"]
            self.collected[name].take(case, time.monotonic())
            self.reporter.case_finished(name, case)

    def outcome(self, head: RunReport, seconds: float) -> Outcome:
        """The report of everything that came in."""
        reports = []
        for collected in self.collected.values():
            report = collected.report(self.campaign, seconds)
            if len(self.collected) > 1:  # their cases take turns, so each is shown its share of the workers' time
                own_s = sum(case.seconds for case in collected.cases) / head.workers
                report = replace(report, seconds=own_s, running_s=own_s)
            reports.append(report)
            self.reporter.system_finished(report)
        errors = [error for collected in self.collected.values() for error in collected.errors]
        return Outcome(report=replace(head, systems=tuple(reports), seconds=seconds), errors=errors)
