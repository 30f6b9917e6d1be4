"""`run` and `replay` from outside: exit codes, the report for machines, and what a run leaves for the next command."""

from __future__ import annotations

import json
import pickle
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from tests.cli.command import retrigger
from tests.runner.broken import BROKEN
from tests.runner.systems import CHAIN, INBOX

CORE_KEYS = [
    "verdict",
    "plans",
    "cases",
    "seconds",
    "cases_per_min",
    "toxiproxy",
    "violations",
    "faults_landed",
    "not_exercised",
    "not_tested",
]
KILL = "kill worker @applied charge w1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Caught:
    """A run that found something. folder: where it was run, with the system in it, and its output."""

    folder: Path
    ended: subprocess.CompletedProcess[str]

    @property
    def report(self) -> dict[str, Any]:
        """The report for machines."""
        document: dict[str, Any] = json.loads((self.folder / "deep" / "report.json").read_text())
        return document

    def finding(self) -> dict[str, Any]:
        """What it says of the kill."""
        [found] = [each for each in self.report["violations"] if each["faults"] == [KILL]]
        return dict(found)


@pytest.fixture(scope="session")
def caught(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Caught:
    """A key per attempt, under the core plans, on two workers; run once for all workers of the tests."""
    base = tmp_path_factory.getbasetemp()
    folder = (base if worker_id == "master" else base.parent) / "caught"
    ended = folder.with_suffix(".pickle")
    with FileLock(folder.with_suffix(".lock")):
        if not ended.exists():
            BROKEN["key-per-attempt"][0].write(folder / "system")
            args = ("--explore", "core", "-n", "2", "--report", "json=deep/report.json", "--out", "out")
            ended.write_bytes(pickle.dumps(retrigger(folder, "run", "system", *args)))
    return Caught(folder=folder, ended=pickle.loads(ended.read_bytes()))


def test_violation_is_exit_code_1(caught: Caught) -> None:
    """And the terminal says what, where to look, and how to see it again."""
    assert caught.ended.returncode == 1, caught.ended.stderr
    for part in ("RT102", "VIOLATED", "exit 1", "retrigger replay", "out/report/index.html"):
        assert part in caught.ended.stdout
    assert caught.ended.stderr == ""


def test_report_has_its_keys_in_their_order(caught: Caught) -> None:
    """The document is an interface: others read it."""
    report = caught.report
    assert list(report)[: len(CORE_KEYS)] == CORE_KEYS
    assert report["verdict"] == "VIOLATED"
    assert report["plans"] == report["cases"] == 7
    assert report["toxiproxy"].keys() == {"version", "origin", "real"}
    assert sum(report["faults_landed"].values()) == 6
    assert report["not_exercised"] == []
    assert report["workers"] == 2


def test_report_tells_each_violation_with_its_plan(caught: Caught) -> None:
    """Code, property, boundary, work, plan, faults and witness; the first of its kind was run again."""
    found = caught.finding()
    assert {"code", "property", "boundary", "work", "plan", "faults", "witness"} <= found.keys()
    assert (found["code"], found["property"], found["work"]) == ("RT102", "P2", "w1")
    assert any("KILL worker" in step for step in found["witness"])
    assert [each["reproduced"] for each in caught.report["violations"] if each["reproduced"] != [0, 0]]


def test_run_leaves_plan_history_and_picture(caught: Caught) -> None:
    """What later commands and people need, below `--out`, and nothing elsewhere."""
    plan, out = caught.finding()["plan"], caught.folder / "out"
    record = json.loads((out / "plans" / f"{plan}.json").read_text())
    assert (record["id"], record["faults"]) == (plan, [KILL])
    assert (out / "histories" / f"{plan}.jsonl").read_text().startswith('{"t":0')
    assert (out / "report" / "index.html").stat().st_size > 10_000
    assert sorted(path.name for path in caught.folder.iterdir()) == ["deep", "out", "system"]


def test_replay_finds_the_plan_by_its_id(caught: Caught) -> None:
    """The same plan twice, the witness once, k of n at the end."""
    ended = retrigger(caught.folder, "replay", caught.finding()["plan"], "--times", "2", "--out", "out")
    assert ended.returncode == 1, ended.stderr
    assert "VIOLATED 2 of 2" in ended.stdout
    assert ended.stdout.count("KILL worker") == 1


def test_replay_takes_a_file_from_anywhere(caught: Caught, tmp_path: Path) -> None:
    """A plan file says by itself which system it is for."""
    plan = tmp_path / "found.json"
    plan.write_text((caught.folder / "out" / "plans" / f"{caught.finding()['plan']}.json").read_text())
    ended = retrigger(tmp_path, "replay", "found.json")
    assert ended.returncode == 1, ended.stderr
    assert "VIOLATED 1 of 1" in ended.stdout


def test_only_runs_the_plans_that_are_named(caught: Caught, tmp_path: Path) -> None:
    """By id, from any folder; nothing else is run."""
    args = (str(caught.folder / "system"), "--only", caught.finding()["plan"], "-n", "1", "--report", "json=only.json")
    assert retrigger(tmp_path, "run", *args).returncode == 1
    report = json.loads((tmp_path / "only.json").read_text())
    assert (report["plans"], report["cases"]) == (1, 1)
    assert report["faults_landed"] == {"kill @applied": 1}


def test_plan_in_words_that_holds_is_exit_code_0(tmp_path: Path) -> None:
    """The correct service, two faults at once, on one worker."""
    INBOX.write(tmp_path / "system")
    args = ("--plan", KILL, "--plan", "cut reply client->orders @deliver orders w2", "--works", "3")
    ended = retrigger(tmp_path, "run", "system", "-n", "1", "--report", "json=report.json", *args)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    report = json.loads((tmp_path / "report.json").read_text())
    assert (report["verdict"], report["cases"], report["faults_landed"]) == (
        "HOLDS",
        1,
        {"kill @applied": 1, "cut reply @deliver": 1},
    )


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--plan", "kill worker @recv charge w1 #9"), "was not seen to land"),
        (("--budget", "0s", "--explore", "core"), "7 planned cases that were not run"),
    ],
)
def test_nothing_shown_is_exit_code_3(tmp_path: Path, args: tuple[str, ...], said: str) -> None:
    """A fault that never struck, or no time to run anything, is not a pass."""
    INBOX.write(tmp_path / "system")
    ended = retrigger(tmp_path, "run", "system", "-n", "1", *args)
    assert ended.returncode == 3, ended.stdout + ended.stderr
    assert said in " ".join(ended.stdout.split())
    assert "NOT EXERCISED" in ended.stdout


def test_broken_contract_is_exit_code_2(tmp_path: Path) -> None:
    """Told once, however many workers found it, with the file and the line to write."""
    CHAIN.changed("orders.py", ("await answer(send, 200)", "await answer(send, 500)")).write(tmp_path / "system")
    ended = retrigger(tmp_path, "run", "system", "-n", "2", "--explore", "core")
    assert ended.returncode == 2, ended.stdout + ended.stderr
    assert ended.stderr.count("accepts no work") == 1
    assert "retrigger.toml" in ended.stderr
    assert "Traceback" not in ended.stdout + ended.stderr


def test_harness_that_cannot_work_is_exit_code_4(tmp_path: Path) -> None:
    """A proxy that does not run is our affair, not the service's."""
    INBOX.write(tmp_path / "system")
    ended = retrigger(tmp_path, "run", "system", "-n", "1", RETRIGGER_TOXIPROXY="/bin/false")
    assert ended.returncode == 4, ended.stdout + ended.stderr
    assert "Traceback" not in ended.stdout + ended.stderr


def test_a_plan_of_several_faults_is_told_as_the_one_that_breaks_it(tmp_path: Path) -> None:
    """The report and the plan file are of the smallest plan that still fails, and name the one that was run."""
    BROKEN["key-per-attempt"][0].write(tmp_path / "system")
    faults = ("--plan", "dup client->orders @deliver orders w1", "--plan", KILL)
    ended = retrigger(tmp_path, "run", "system", *faults, "-n", "1", "--report", "json=report.json", "--out", "out")
    [found] = json.loads((tmp_path / "report.json").read_text())["violations"]
    assert found["faults"] == [KILL]
    assert found["shrunk_from"] != found["plan"]
    assert (tmp_path / "out" / "plans" / f"{found['shrunk_from']}.json").exists()
    assert (tmp_path / "out" / "histories" / f"{found['plan']}.jsonl").exists()
    assert f"retrigger replay {found['plan']}" in ended.stdout
