"""The services to copy: they hold, they fail when broken, and they depend on nothing of this project."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from harness.manifest.load import load
from tests.docs.pages import ROOT

EXAMPLES = ROOT / "docs/examples"
FOLDERS = sorted(path.parent.name for path in EXAMPLES.glob("*/retrigger.toml"))
CLOSE = ("kill orders @applied charge w1", "cut reply client->orders @deliver orders w1")


def run(folder: Path, *arguments: str) -> dict[str, object]:
    """What `retrigger run` reports of the service in `folder`."""
    report = folder / "report.json"
    command = [str(Path(sys.executable).parent / "retrigger"), "run", str(folder), "-n", "1"]
    subprocess.run([*command, f"--report=json={report}", *arguments], cwd=folder, check=False, capture_output=True)
    document: dict[str, object] = json.loads(report.read_text(encoding="utf-8"))
    return document


@pytest.fixture
def example(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A copy of an example."""
    folder = tmp_path / str(request.param)
    shutil.copytree(EXAMPLES / folder.name, folder, ignore=shutil.ignore_patterns("build", "__pycache__"))
    return folder


@pytest.mark.parametrize("name", FOLDERS)
def test_the_manifest_of_an_example_can_be_run(name: str) -> None:
    """It is complete, and says of itself that it holds."""
    assert load(EXAMPLES / name, purpose="run").expect == "holds"


@pytest.mark.slow
@pytest.mark.parametrize("example", FOLDERS, indirect=True)
def test_an_example_holds_in_the_gaps_that_matter(example: Path) -> None:
    """Killed between the charge and its record, or robbed of its answer: done, and done once."""
    plans = [argument for fault in CLOSE for argument in ("--plan", fault)]
    report = run(example, *plans)
    assert report["verdict"] == "HOLDS"
    assert not report["not_exercised"]


@pytest.mark.slow
@pytest.mark.parametrize("example", ["python"], indirect=True)
def test_an_example_without_a_key_charges_twice(example: Path) -> None:
    """The reader who leaves the idempotency key out is told."""
    service = example / "orders.py"
    text = service.read_text(encoding="utf-8")
    service.write_text(text.replace(', "Idempotency-Key": order', ""), encoding="utf-8")
    report = run(example, "--plan", CLOSE[0])
    assert report["verdict"] == "VIOLATED"
    assert "RT102" in json.dumps(report["violations"])


def test_no_example_imports_the_harness() -> None:
    """A reader copies the folder and nothing else."""
    for path in EXAMPLES.glob("*/*"):
        if path.is_file():
            assert "harness" not in path.read_text(encoding="utf-8"), path
