"""The suite inside somebody's own pytest, in a process of its own: one test per plan, on xdist workers."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.cli.command import ENVIRONMENT
from tests.runner.broken import BROKEN
from tests.runner.systems import INBOX

LIMIT_S = 60.0


def pytest_run(folder: Path, *args: str) -> subprocess.CompletedProcess[str]:
    """Runs pytest in a folder, with nothing of this project's own settings."""
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:randomly", *args],
        cwd=folder,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )


def suite(folder: Path, *args: str) -> subprocess.CompletedProcess[str]:
    """Runs the suite on the system in `system`."""
    options = ("--pyargs", "harness.conformance", "--retrigger-manifest", "system", "--retrigger-explore", "core")
    return pytest_run(folder, *options, *args)


def outcomes(ended: subprocess.CompletedProcess[str]) -> dict[str, int]:
    """How many passed, failed and so on, as the last line says."""
    return {
        word: int(count)
        for count, word in re.findall(r"(\d+) (passed|failed|skipped|errors?|deselected)", ended.stdout)
    }


def test_correct_service_passes_on_two_workers(tmp_path: Path) -> None:
    """Every plan is a test; each worker has a universe of its own."""
    INBOX.write(tmp_path / "system")
    ended = suite(tmp_path, "-n", "2")
    assert outcomes(ended) == {"passed": 7}, ended.stdout + ended.stderr
    assert ended.returncode == 0


def test_broken_service_fails_with_its_finding(tmp_path: Path) -> None:
    """The failure reads like a failed test: code, boundary, steps, likely cause, how to see it again."""
    BROKEN["key-per-attempt"][0].write(tmp_path / "system")
    ended = suite(tmp_path, "-k", "kill and applied")
    assert outcomes(ended) == {"failed": 1, "deselected": 6}, ended.stdout + ended.stderr
    for part in ("CheckViolation", "RT102", "KILL worker", "likely:", "replay: retrigger replay"):
        assert part in ended.stdout


def test_suite_without_a_manifest_skips(tmp_path: Path) -> None:
    """Collected by accident, it does nothing and fails nothing."""
    ended = pytest_run(tmp_path, "--pyargs", "harness.conformance")
    assert outcomes(ended) == {"skipped": 1}, ended.stdout + ended.stderr


def test_plugin_stays_out_of_other_suites(tmp_path: Path) -> None:
    """Being installed costs other people's tests nothing: no part of the harness is even imported."""
    (tmp_path / "test_own.py").write_text(
        "import sys\n\ndef test_own():\n"
        "    loaded = [name for name in sys.modules if name.startswith('harness.')]\n"
        "    assert loaded in ([], ['harness.pytest_plugin']), loaded\n"
    )
    ended = pytest_run(tmp_path)
    assert outcomes(ended) == {"passed": 1}, ended.stdout + ended.stderr
