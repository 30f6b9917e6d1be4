"""Cases that several tests share: the first that needs a family runs it, the others read what it left.

Tests of one family may land in different xdist workers, whatever the way of distribution; a lock and a file for each
family make that right in every case. Where the suite runs by itself the families stay together anyway
(`harness.pytest_plugin`), and nobody waits for anybody.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest
from filelock import FileLock
from pydantic import TypeAdapter

from harness.checks import Verdict
from harness.conformance.campaign import Campaign, Chunk
from harness.conformance.cases import explore
from harness.conformance.collect import case_from_json
from harness.conformance.suite import Asked
from harness.conformance.worker import CASE, CONTRACT, Worker
from harness.errors import CheckViolation, HarnessError
from harness.report.families import cell_of
from harness.report.model import CaseReport

__all__ = ["FamilyRun", "SharedCases", "read_runs"]


@dataclass(slots=True, kw_only=True)
class FamilyRun:
    """What running the plans of one family left.

    campaign, system, family: what was run. broken: the contract that is not kept, or why nothing could be run.
    left: plans that were not begun, because the budget was spent.
    """

    campaign: dict[str, object]
    system: str
    family: str
    cases: list[CaseReport] = field(default_factory=list)
    broken: str = ""
    left: int = 0

    def record(self, kind: str, value: object) -> None:
        """Takes what a worker tells of a plan."""
        content = json.loads(str(value))
        if kind == CASE:
            self.cases.append(case_from_json(content["case"]))
        elif kind == CONTRACT:
            self.broken = content["text"]


_RUNS = TypeAdapter(FamilyRun)


class SharedCases:
    """All cases of one session. folder: where the workers of a session share them; made when first needed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._workers: dict[Campaign, Worker] = {}

    def try_contract(self, asked: Asked) -> None:
        """Fails where the system does not do what its manifest says."""
        if broken := self._worker(asked.campaign).broken_contract(asked.system):
            pytest.fail(broken, pytrace=False)

    def judge(self, asked: Asked) -> None:
        """Passes, fails, skips or fails expectedly, as the verdict on this property under this family says."""
        run = self.of(asked)
        if run.broken:
            first, *_ = run.broken.splitlines()
            pytest.fail(f"nothing could be run: {first}   (test_contract says more)", pytrace=False)
        if not run.cases:
            pytest.skip("the budget is spent")
        cell = cell_of(run.cases, asked.family, asked.property_id)
        if cell.verdict is Verdict.VIOLATED and asked.known:
            pytest.xfail(asked.known.reason)
        elif cell.verdict is Verdict.HOLDS and asked.known and asked.known.state(run.cases) == "stale":
            entry = f"{asked.property_id} under {asked.family!r}"
            pytest.fail(f"stale: {entry} holds now. Delete its entry in {asked.campaign.baseline}.", pytrace=False)
        elif cell.verdict is Verdict.NOT_EXERCISED:
            pytest.skip(f"{cell.verdict.value}: {cell.why}")
        elif cell.verdict is not Verdict.HOLDS:
            pytest.fail(cell.why if cell.verdict is Verdict.VIOLATED else f"{cell.verdict}: {cell.why}", pytrace=False)

    def of(self, asked: Asked) -> FamilyRun:
        """The cases of a family: run now, or read from where another test or worker left them."""
        self._make_folder()
        identity = json.dumps([asked.campaign.to_json(), asked.system, asked.family], sort_keys=True)
        path = self.folder / f"{hashlib.sha256(identity.encode()).hexdigest()[:16]}.json"
        with FileLock(path.with_suffix(".lock")):
            if path.exists():
                return _RUNS.validate_json(path.read_bytes())
            run = self._run(asked)
            path.write_bytes(_RUNS.dump_json(run))
            return run

    def _make_folder(self) -> None:
        """Makes the folder, and removes those of sessions that were killed."""
        if self.folder.is_dir():
            return
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for other in self.folder.parent.glob("session-*-*"):
            pid = other.name.split("-")[1]
            if other != self.folder and pid.isdigit() and not psutil.pid_exists(int(pid)):
                shutil.rmtree(other, ignore_errors=True)

    def _run(self, asked: Asked) -> FamilyRun:
        worker = self._worker(asked.campaign)
        run = FamilyRun(campaign=asked.campaign.to_json(), system=asked.system, family=asked.family)
        for number, chunk in enumerate(asked.chunks):
            if worker.out_of_time:
                run.left = len(asked.chunks) - number
                break
            try:
                _run_chunk(chunk, worker, run)
            except CheckViolation:
                pass  # the case says so itself
            except HarnessError as error:
                run.broken = run.broken or worker.hide(str(error))
                break
        return run

    def _worker(self, campaign: Campaign) -> Worker:
        if campaign not in self._workers:
            self._workers[campaign] = Worker(campaign)
        return self._workers[campaign]

    def close(self) -> None:
        """Ends the workers and everything that they started."""
        for worker in self._workers.values():
            worker.close()


def _run_chunk(chunk: Chunk, worker: Worker, run: FamilyRun) -> None:
    if chunk.plan is None:
        explore(chunk, worker, run.record)
    else:
        worker.run(chunk.plan, run.record)


def read_runs(folder: Path) -> Iterator[FamilyRun]:
    """Everything that the workers of a session left; the folder is gone afterwards."""
    for path in sorted(folder.glob("*.json"), key=lambda path: path.stat().st_mtime_ns):
        yield _RUNS.validate_json(path.read_bytes())
    shutil.rmtree(folder, ignore_errors=True)
