"""The suite inside somebody's own pytest: ids, deselection, baseline, workers; run as they would run it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as Xml

import pytest

from harness.conformance.baseline import Entry, written
from tests.conformance.rig import ROOT, environment, mistaken, shop

SUBCLASS = """
from harness.conformance import ConformanceSuite

class TestShop(ConformanceSuite):
    manifest = "service/retrigger.toml"
    explore = "core"

    def test_something_of_its_own(self):
        pass
"""
TWICE = [mistaken("no key")]
"""Charges without a key: done twice whenever the answer is lost and somebody asks again."""


def pytest_run(*arguments: object, folder: Path) -> subprocess.CompletedProcess[str]:
    """Runs pytest in `folder`, on this checkout."""
    command = [sys.executable, "-m", "pytest", *map(str, arguments)]
    return subprocess.run(
        command, cwd=folder, env=environment(), capture_output=True, text=True, timeout=120, check=False
    )


def suite(folder: Path, *more: object) -> subprocess.CompletedProcess[str]:
    """Runs the suite on the manifest in `folder`."""
    options = ("--retrigger-manifest", "retrigger.toml", "--retrigger-explore", "core")
    return pytest_run("--pyargs", "harness.conformance", *options, *more, folder=folder)


def counts(ended: subprocess.CompletedProcess[str]) -> dict[str, int]:
    """The last line of pytest as numbers."""
    return {word: int(number) for number, word in re.findall(r"(\d+) (\w+)", ended.stdout.splitlines()[-1])}


def test_there_is_one_test_for_each_property_and_family(tmp_path: Path) -> None:
    """Ids are words that `-k` can name; nothing is started to collect them."""
    shop(tmp_path)
    ids = suite(tmp_path, "--collect-only", "-q").stdout
    assert "test_contract[shop]" in ids
    assert "test_property[shop-kill-recv-P2]" in ids
    assert "test_property[shop-no-faults-P16]" in ids
    chosen = suite(tmp_path, "--collect-only", "-q", "-k", "kill-recv and not P16").stdout
    assert "kill-recv-P2" in chosen
    assert "P16" not in chosen
    assert "cut-reply" not in chosen


def test_a_right_service_passes_in_several_workers_and_leaves_reports(tmp_path: Path) -> None:
    """Each plan is run once, whichever of its tests comes first; pytest's own JUnit works beside the picture."""
    shop(tmp_path)
    left = tmp_path / "build/retrigger/session-99999999-0000"  # as a session leaves it that is killed by SIGKILL
    left.mkdir(parents=True)
    ended = suite(tmp_path, "-n", 2, "--junitxml", "own.xml", "--retrigger-report", "json=ours.json,junit=ours.xml")
    assert ended.returncode == 0, ended.stdout
    assert counts(ended)["passed"] > 20
    report = json.loads((tmp_path / "ours.json").read_text())
    assert report["verdict"] == "HOLDS"
    assert report["cases"] == report["plans"] == len({case["plan"] for case in report["run"]["systems"][0]["cases"]})
    assert (tmp_path / "build/retrigger/report/index.html").is_file()
    own, ours = (Xml.parse(tmp_path / name).getroot() for name in ("own.xml", "ours.xml"))
    assert len(list(own.iter("testcase"))) == len(list(ours.iter("testcase"))) + 1  # the contract
    assert not list((tmp_path / "build/retrigger").glob("session-*"))


def test_a_broken_service_fails_under_its_properties_and_is_excused_by_a_baseline(tmp_path: Path) -> None:
    """The failure tells the witness; what is known is expected to fail."""
    shop(tmp_path, *TWICE)
    ended = suite(tmp_path, "--retrigger-report", "json=broken.json")
    assert ended.returncode == 1, ended.stdout
    failed = re.findall(r"^FAILED .*\[shop-(.+)-(P\w+)\]", ended.stdout, re.MULTILINE)
    assert ("cut-reply-recv", "P2") in failed
    assert "RT102 duplicate effect" in ended.stdout
    assert "retrigger replay" in ended.stdout

    table = json.loads((tmp_path / "broken.json").read_text())["families"]
    violated = [(f, name) for f, row in table.items() for name, verdict in row.items() if verdict == "VIOLATED"]
    assert len(violated) == len(failed)
    entries = [Entry(system="shop", property=name, family=f, reason="no key yet") for f, name in violated]
    (tmp_path / "known.toml").write_text(written(entries))
    excused = suite(tmp_path, "--retrigger-baseline", "known.toml")
    assert excused.returncode == 0, excused.stdout
    assert counts(excused)["xfailed"] == len(failed)


def test_a_stale_entry_fails_its_test(tmp_path: Path) -> None:
    """Known is only what still fails."""
    shop(tmp_path)
    entry = 'system = "shop"\nproperty = "P2"\nfamily = "no faults"\nreason = "was charged twice"\n'
    (tmp_path / "known.toml").write_text("[[known]]\n" + entry)
    ended = suite(tmp_path, "--retrigger-baseline", "known.toml", "-k", "no-faults")
    assert ended.returncode == 1
    assert "stale: P2 under 'no faults' holds now" in ended.stdout


def test_a_broken_contract_is_told_in_full_once(tmp_path: Path) -> None:
    """Every other test fails with one line that points there; none is skipped into the green."""
    shop(tmp_path, mistaken("other status"))
    ended = suite(tmp_path, "-k", "contract or kill-recv")
    assert ended.stdout.count("accepted = [201]   in [submit], if that means accepted") == 1
    assert counts(ended).keys() <= {"failed", "deselected"}
    assert "nothing could be run: shop accepts no work" in ended.stdout


def test_a_subclass_runs_beside_other_tests_under_any_distribution(tmp_path: Path) -> None:
    """Tests of one family in several workers share its cases instead of running them again."""
    shop(tmp_path / "service")
    (tmp_path / "test_shop.py").write_text(SUBCLASS)
    ended = pytest_run("-n", 2, "--dist", "worksteal", "--retrigger-report", "json=r.json", folder=tmp_path)
    assert ended.returncode == 0, ended.stdout
    report = json.loads((tmp_path / "r.json").read_text())
    assert report["cases"] == report["plans"]
    quick = pytest_run("-m", "not retrigger", "-q", folder=tmp_path)
    assert counts(quick)["deselected"] > 20


def test_the_page_names_every_option_and_no_other(tmp_path: Path) -> None:
    """Whoever reads the page finds what the plugin has."""
    page = set(re.findall(r"--retrigger-\w+", (ROOT / "docs/pytest.md").read_text()))
    told = set(re.findall(r"--retrigger-\w+", pytest_run("--help", folder=tmp_path).stdout))
    assert told - page == {"--retrigger-campaign"}
    assert page <= told


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--retrigger-manifest", "nowhere.toml"], "retrigger init"),
        ([], "it is not said which system to test"),
        (["--retrigger-manifest", "retrigger.toml", "--retrigger-shard", "3/2"], "no such shard"),
        (["--retrigger-manifest", "retrigger.toml", "--retrigger-baseline", "nowhere.toml"], "cannot be read"),
    ],
)
def test_a_wrong_option_is_an_error_of_collection_without_a_traceback(
    options: list[str], told: str, tmp_path: Path
) -> None:
    """Named like every other mistake."""
    shop(tmp_path)
    ended = pytest_run("--pyargs", "harness.conformance", *options, folder=tmp_path)
    assert ended.returncode not in (0, 5)
    assert told in ended.stdout
    assert "harness/conformance/suite.py" not in ended.stdout
