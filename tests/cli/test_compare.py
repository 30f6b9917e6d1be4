"""`retrigger compare` as a person runs it: on reports of earlier runs, and on systems that it runs itself."""

from __future__ import annotations

import json
from pathlib import Path

from harness.report.model import RunReport
from tests.cli.command import retrigger
from tests.report.samples import PROXY
from tests.report.test_compare import system


def saved(folder: Path, name: str) -> str:
    """The JSON report of a run of one system."""
    run = RunReport(tool_version="0", toxiproxy=PROXY, systems=(system(name),))
    place = folder / f"{name}.json"
    place.write_text(json.dumps({"run": json.loads(run.to_json())}), encoding="utf-8")
    return str(place)


def test_reports_of_different_runs_are_compared_without_running_anything(tmp_path: Path) -> None:
    """Table, page and JSON; and the JSON can be compared again."""
    ended = retrigger(tmp_path, "compare", saved(tmp_path, "one"), saved(tmp_path, "two"), "--json", "both.json")
    assert ended.returncode == 0, ended.stderr
    assert "2: payments +2" in ended.stdout
    assert (tmp_path / "build/retrigger/compare/index.html").is_file()
    document = json.loads((tmp_path / "both.json").read_text(encoding="utf-8"))
    assert [each["name"] for each in document["placements"]] == ["one", "two"]
    again = retrigger(tmp_path, "compare", "both.json", saved(tmp_path, "three"))
    assert again.returncode == 0, again.stderr
    assert all(name in again.stdout for name in ("one", "two", "three"))


def test_one_report_alone_is_a_usage_error(tmp_path: Path) -> None:
    """It says what is missing."""
    ended = retrigger(tmp_path, "compare", saved(tmp_path, "one"))
    assert ended.returncode == 2
    assert "one system alone" in ended.stderr


def test_a_system_is_run_and_put_beside_a_report(tmp_path: Path) -> None:
    """Every fault that means something there is run, and the figures are those of real processes."""
    ended = retrigger(tmp_path, "compare", "callee_inbox", saved(tmp_path, "one"), "-n", "1", "--json", "both.json")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    document = json.loads((tmp_path / "both.json").read_text(encoding="utf-8"))
    assert [each["ok_means"] for each in document["placements"]] == ["taken over", "done"]
    cells = {row["name"]: row["cells"][0] for row in document["faults"]}
    assert "no store of its own" in cells["store_killed"]["why_not"]
    assert "may be refused" in cells["refused"]["why_not"]
    assert {cell["verdict"] for cell in cells.values() if "verdict" in cell} == {"HOLDS"}
    killed = cells["after_effect"]
    assert (killed["redriver"], killed["holder"]) == ('inbox of "payments"', "orders")
    assert killed["again"].keys() == {"payments"}
    assert killed["detect_s"] > 0
