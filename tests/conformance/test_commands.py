"""The commands around a run, as a person calls them: check, init, baseline, shards, merge, badge."""

from __future__ import annotations

import json
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from harness.conformance.campaign import Campaign, usual
from harness.plans.sweep import needs_strace
from tests.conformance.rig import SERVICE, mistaken, retrigger, shop
from tests.runner.systems import INBOX

FAMILY = "kill @applied"
WORKER = 'main = "worker:main"'
READER = "[[pending]]" + INBOX.files["retrigger.toml"].strip().rpartition("[[pending]]")[2]
LINES = {
    'path = "..."': 'path = "/orders"',
    'start = ["..."]': f'start = ["{sys.executable}", "service.py"]',
    'name = "...", at = "POST {link:world}/..."': 'name = "charge", at = "POST {link:world}/charge"',
}
"""What somebody writes into the three lines."""


OTHER = f"""
[[process]]
name = "other"
start = ["{sys.executable}", "service.py"]
env = {{ PORT = "{{port}}", DATA_DIR = "{{data}}" }}

[[node]]"""


def document(path: Path) -> dict[str, Any]:
    """A JSON report."""
    read: dict[str, Any] = json.loads(path.read_text())
    return read


def test_a_check_proves_every_link_and_says_what_the_next_level_asks_for(tmp_path: Path) -> None:
    """Each step with its time; then the level, what is not claimed, and how long a run will take."""
    ended = retrigger("check", shop(tmp_path), folder=tmp_path)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    for words in (
        "link client->orders       cut: the work waits; healed: it is done",
        "link orders->world        cut: the work waits; healed: it is done",
        "2 submitted, 2 accepted, 2 done, 0 twice",
        "level reached    L4",
        "not claimed",
        "a whole run",
    ):
        assert words in ended.stdout


def test_a_link_of_several_copies_is_cut_for_all_of_them(tmp_path: Path) -> None:
    """Otherwise the other worker would do the work, and nothing would be proven."""
    folder = INBOX.changed("retrigger.toml", (WORKER, f"{WORKER}\ncopies = 2")).write(tmp_path)
    ended = retrigger("check", folder, folder=tmp_path)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "link worker->world        cut: the work waits; healed: it is done" in ended.stdout


@pytest.mark.skipif(shutil.which("strace") is None, reason="the sweep needs strace")
def test_a_run_strikes_inside_handlers_that_only_rows_tell_of(tmp_path: Path) -> None:
    """The world's effect is gone, the row is left: no point lies within, so calls of the kernel are what is left."""
    charge = '    { name = "charge", at = "POST {link:world}/charge" },\n'
    rows = usual(Campaign(manifests=(str(shop(tmp_path, (charge, ""))),)))
    assert rows.explore == "single,writes"
    struck = {fault.process for plan in rows.plans(*rows.systems()) for fault in plan.faults if needs_strace(plan)}
    assert struck == {"orders"}
    assert usual(Campaign(manifests=(str(shop(tmp_path / "plain")),))).explore == "single"


def test_work_that_is_given_up_while_a_link_is_cut_proves_the_link(tmp_path: Path) -> None:
    """It stands in its parking place, so it was not done by another way."""
    parked = READER.replace("= 0", "= 2").replace("[[pending]]", "[[parked]]")
    given_up = 'db.execute("update inbox set done = 2 where id = ?", (row[0],))'
    folder = (
        INBOX.changed("retrigger.toml", (READER, f"{READER}\n\n{parked}"))
        .changed("worker.py", ("time.sleep(0.02)\n            continue", f"{given_up}\n            continue"))
        .write(tmp_path)
    )
    ended = retrigger("check", folder, folder=tmp_path)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "cut: the work was given up, and stands in its parking place" in ended.stdout


def test_a_reader_that_finds_none_of_the_pending_work_is_named(tmp_path: Path) -> None:
    """The service is right; its table is read with the wrong condition, so nothing seems to own the work."""
    folder = (
        INBOX.changed("retrigger.toml", ("where done = 0", "where done = 7"))
        .changed("worker.py", ("time.sleep(0.01)", "time.sleep(0.3)"))
        .write(tmp_path)
    )
    ended = retrigger("check", folder, folder=tmp_path)
    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert "RT212" in ended.stdout
    assert "[[pending]] of orders->payments\nlisted no work in this run" in ended.stdout


def test_a_link_that_the_work_does_not_need_is_not_called_proven(tmp_path: Path) -> None:
    """A call that is made and whose failure nobody minds: cutting it shows nothing, and the check says so."""
    used = 'WORLD_URL = "{link:world}"\nOTHER_URL = "{link:other}"'
    manifest = shop(tmp_path, ('WORLD_URL = "{link:world}"', used), ("[[node]]", OTHER))
    ended = retrigger("check", manifest, folder=tmp_path)
    assert ended.returncode == 3, ended.stdout + ended.stderr
    assert "??  link orders->other        cut, and the work was done all the same" in ended.stdout


def test_a_fresh_manifest_names_its_three_lines_and_passes_when_they_are_filled_in(tmp_path: Path) -> None:
    """From nothing to a checked manifest in three lines."""
    assert retrigger("init", tmp_path, folder=tmp_path).returncode == 0
    path = tmp_path / "retrigger.toml"
    unfilled = retrigger("check", path, folder=tmp_path)
    assert unfilled.returncode == 2
    assert unfilled.stderr.count("this line is still to be filled in") == 3
    marked = [line for line in path.read_text().splitlines() if "<--" in line and not line.startswith("#")]
    assert len(marked) == 3
    text = path.read_text()
    for old, new in LINES.items():
        assert text.count(old) == 1
        text = text.replace(old, new)
    path.write_text(text)
    (tmp_path / "service.py").write_text(SERVICE.read_text())
    filled = retrigger("check", path, folder=tmp_path)
    assert filled.returncode == 0, filled.stdout + filled.stderr


def test_init_touches_no_manifest_that_is_there(tmp_path: Path) -> None:
    """Nobody loses a file."""
    shop(tmp_path)
    before = (tmp_path / "retrigger.toml").read_text()
    ended = retrigger("init", tmp_path, folder=tmp_path)
    assert (ended.returncode, (tmp_path / "retrigger.toml").read_text()) == (2, before)


def test_shards_merged_equal_the_whole(tmp_path: Path) -> None:
    """Same plans, same verdict, same faults landed, nothing twice and nothing lost; then a picture and a badge."""
    manifest = shop(tmp_path)
    parts = []
    for name, options in {"whole": (), "a": ("--shard", "1/2"), "b": ("--shard", "2/2")}.items():
        report = tmp_path / f"{name}.json"
        ended = retrigger(
            "run", manifest, "--explore", "core", "-n", 1, *options, "--report", f"json={report}", folder=tmp_path
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr
        parts.append(report)
    ended = retrigger("report", "merge", *parts[1:], "-o", tmp_path / "merged.json", folder=tmp_path)
    assert ended.returncode == 0, ended.stderr
    whole, merged = document(parts[0]), document(tmp_path / "merged.json")
    same = {
        "verdict",
        "plans",
        "cases",
        "faults_landed",
        "violations",
        "not_exercised",
        "not_tested",
        "outcomes",
        "shard",
    }
    assert {key: whole[key] for key in same} == {key: merged[key] for key in same}
    plans = [{case["plan"] for case in each["run"]["systems"][0]["cases"]} for each in (whole, merged)]
    assert plans[0] == plans[1]
    assert (tmp_path / "merged.html").is_file()
    assert "merged.html" in retrigger("report", "open", tmp_path / "merged.json", "--no-show", folder=tmp_path).stdout
    assert retrigger("badge", tmp_path / "merged.json", folder=tmp_path).returncode == 0
    assert "holds" in (tmp_path / "retrigger-badge.svg").read_text()
    refused = retrigger("badge", parts[1], folder=tmp_path)
    assert (refused.returncode, "only shard 1/2 was run" in refused.stdout) == (3, True)


@pytest.mark.slow
def test_a_baseline_is_drafted_excuses_what_it_names_and_goes_stale(tmp_path: Path) -> None:
    """Broken: drafted, then exit 0. Mended: the same file is stale, exit 1."""
    manifest = shop(tmp_path, mistaken("no key"))
    baseline = tmp_path / "retrigger-baseline.toml"
    drafted = retrigger("baseline", "update", manifest, folder=tmp_path, limit_s=180)
    assert drafted.returncode == 0, drafted.stdout + drafted.stderr
    assert 'property = "P2"' in baseline.read_text()
    options = ("--explore", "core", "-n", 1, "--baseline", baseline)
    known = retrigger("run", manifest, *options, folder=tmp_path)
    assert known.returncode == 0, known.stdout
    assert "Result: VIOLATED   all of it known   exit 0" in known.stdout
    shop(tmp_path)
    checked = retrigger("baseline", "check", manifest, folder=tmp_path, limit_s=180)
    assert checked.returncode == 1, checked.stdout
    assert f"stale    P2 under {FAMILY}" in checked.stdout


def test_no_report_shows_a_secret(tmp_path: Path) -> None:
    """A service that answers with its password: every file that a run leaves is without it."""
    manifest = shop(tmp_path, ('MISTAKE = ""', 'MISTAKE = ""\nDB_PASSWORD = "hunter22"'))
    plan = ("--plan", "cut reply orders->world @recv charge w1")
    forms = "json,junit,md,jsonl,conformance"
    ended = retrigger("run", manifest, *plan, "--report", forms, folder=tmp_path)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    left = [path for path in (tmp_path / "build").rglob("*") if path.is_file()]
    assert len(left) > 6
    assert not [path for path in left if "hunter22" in path.read_text()]
    assert any("***" in path.read_text() for path in left)


def test_help_answers_at_once(tmp_path: Path) -> None:
    """Nobody waits for imports that help does not need. The best of three, since other tests run beside."""
    best_s = 60.0
    for _ in range(3):
        begun_s = time.monotonic()
        assert retrigger("--help", folder=tmp_path).returncode == 0
        best_s = min(best_s, time.monotonic() - begun_s)
    assert best_s < 0.5
