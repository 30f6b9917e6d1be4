"""The wheel in an empty virtual environment, outside any checkout: what somebody has after `pip install retrigger`."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import venv
import zipfile
from pathlib import Path

import pytest

from tests.conformance.rig import ROOT, shop

SUBCLASS = """
from harness.conformance import ConformanceSuite

class TestShop(ConformanceSuite):
    manifest = "retrigger.toml"
    explore = "core"
"""


def run(*command: object, folder: Path, limit_s: float = 300.0) -> str:
    """Runs a command without any trace of this checkout, and returns what it printed; it has to succeed."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "PYTHON"))}
    ended = subprocess.run(
        list(map(str, command)), cwd=folder, env=kept, capture_output=True, text=True, timeout=limit_s, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def built(folder: Path) -> Path:
    """The wheel, built from this checkout."""
    run(sys.executable, "-m", "pip", "wheel", ROOT, "--no-deps", "--quiet", "-w", folder, folder=folder)
    [wheel] = folder.glob("retrigger-*.whl")
    return wheel


@pytest.mark.slow
def test_the_wheel_works_in_an_empty_environment(tmp_path: Path) -> None:
    """The plugin loads, help is quick, the suite runs by option and by subclass, the patterns are there."""
    wheel = built(tmp_path)
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.partition("/")[0] for name in names if ".dist-info" not in name} == {
        "harness", "patterns", "reference_services", "twins",
    }  # fmt: skip
    venv.create(tmp_path / "env", with_pip=True)
    python = tmp_path / "env/bin/python"
    constraints = ("-c", ROOT / "constraints.txt")
    run(python, "-m", "pip", "install", "--quiet", *constraints, wheel, folder=tmp_path, limit_s=600)

    work = tmp_path / "work"
    manifest = shop(work)
    begun_s = time.monotonic()
    assert "check" in run(python.with_name("retrigger"), "--help", folder=work)
    assert time.monotonic() - begun_s < 2.0  # the first time everything is compiled; test_help_... is stricter
    run(python.with_name("retrigger"), "check", manifest, folder=work)
    options = ("--retrigger-manifest", "retrigger.toml", "--retrigger-explore", "core", "-n", "2")
    told = run(python, "-m", "pytest", "--pyargs", "harness.conformance", *options, folder=work)
    assert "shop: HOLDS" in told
    (work / "test_shop.py").write_text(SUBCLASS)
    assert "test_property[shop-kill-recv-P2]" in run(python, "-m", "pytest", "--collect-only", "-q", folder=work)
    assert "callee_inbox" in run(python.with_name("retrigger"), "list", "patterns", folder=work)
