"""The job queues on their page: their manifests can be run, and RQ loses under a kill what the page says."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from harness.manifest.load import load
from tests.docs.pages import ROOT

QUEUES = ROOT / "docs/examples/queues"
FOLDERS = sorted(path.parent.name for path in QUEUES.glob("*/retrigger.toml"))
SCRIPTS = Path(sys.executable).parent


@pytest.mark.parametrize("name", FOLDERS)
def test_the_manifest_of_a_queue_can_be_run_and_says_what_it_needs(name: str) -> None:
    """Its first line is how to install and run it."""
    path = QUEUES / name / "retrigger.toml"
    assert load(path.parent, purpose="run").name == f"{name}-orders"
    first, *_ = path.read_text(encoding="utf-8").splitlines()
    assert first.startswith("# Needs: redis-server, pip install ")
    assert first.endswith(f"retrigger run docs/examples/queues/{name}")


@pytest.mark.slow
@pytest.mark.skipif(find_spec("rq") is None, reason="pip install rq")
@pytest.mark.skipif(shutil.which("redis-server") is None, reason="apt-get install redis-server")
def test_rq_loses_the_job_of_a_child_that_is_killed(tmp_path: Path) -> None:
    """As measured by hand: the work-horse's job ends in the registry of failed ones, and nothing takes it up."""
    folder, report = tmp_path / "rq", tmp_path / "report.json"
    shutil.copytree(QUEUES / "rq", folder)
    command = [str(SCRIPTS / "retrigger"), "run", str(folder), "-n", "1", "--works", "1", f"--report=json={report}"]
    environment = os.environ | {"PATH": f"{SCRIPTS}:{os.environ['PATH']}"}
    fault = ["--plan", "kill worker/child @recv charge w1"]
    subprocess.run([*command, *fault], cwd=tmp_path, env=environment, check=False, capture_output=True)
    document = json.loads(report.read_text(encoding="utf-8"))
    assert document["estimated_seconds"] > 0
    violation, *_ = document["violations"]
    assert (violation["code"], violation["fate"], violation["work"]) == ("RT101", "LOST", "w1")
