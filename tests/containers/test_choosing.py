"""Choosing where processes run: by the manifest, or for the whole system by the command line. Needs no engine."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import patterns
from harness.conformance.where import image_of
from harness.errors import ManifestError, UsageError
from harness.manifest.contained import SLOWER, in_containers
from harness.manifest.load import load
from harness.manifest.model import Manifest
from harness.runner.system import open_system

ROOT = Path(__file__).parents[2]
INBOX = Path(patterns.__path__[0]) / "callee_inbox"
TEXT = (INBOX / "retrigger.toml").read_text()
ORDERS = 'app = "reference_services.callee_inbox.orders:app"'


def read(folder: Path, lines: str) -> Manifest:
    """The manifest of the inbox, with other lines instead of the app of `orders`."""
    (folder / "retrigger.toml").write_text(TEXT.replace(ORDERS, lines, 1))
    return load(folder, purpose="run")


def test_an_image_for_all_changes_where_they_run_and_nothing_else() -> None:
    """Same app, same environment, same graph; more time to start, and a folder of this machine means nothing inside."""
    as_processes = load(INBOX, purpose="run")
    elsewhere = as_processes.model_copy(
        update={"process": [p.model_copy(update={"cwd": "services"}) for p in as_processes.process]}
    )
    contained = in_containers(elsewhere, "acme/orders:1")
    assert {process.container for process in contained.process} == {"acme/orders:1"}
    back = [p.model_copy(update={"container": None, "ready_s": p.ready_s / SLOWER}) for p in contained.process]
    assert contained.model_copy(update={"process": back}) == as_processes


def test_what_names_an_image_keeps_it_and_what_runs_already_stays() -> None:
    """The command line fills in what the manifest leaves open."""
    manifest = load(INBOX, purpose="run")
    orders, worker = manifest.process
    own = orders.model_copy(update={"container": "own:1"})
    there = worker.model_copy(update={"main": None, "url": "http://127.0.0.1:8080"})
    found = in_containers(manifest.model_copy(update={"process": [own, there]}), "other:1").process
    assert [process.container for process in found] == ["own:1", None]


def test_nothing_is_preloaded_for_containers() -> None:
    """The fork server needs no library of a service that it does not fork."""
    assert open_system(INBOX).modules
    system = open_system(INBOX, "acme/orders:1")
    assert (system.modules, system.contained) == ([], ("orders", "worker"))


@pytest.mark.parametrize("way", [ORDERS, 'start = ["./orders", "--port", "{port}"]', ""])
def test_a_container_may_say_what_to_run_or_leave_it_to_the_image(way: str, tmp_path: Path) -> None:
    """`container` goes with `start`, `app` and `main`, and stands alone."""
    assert read(tmp_path, f'container = "acme/orders:1"\n{way}').process[0].container == "acme/orders:1"


@pytest.mark.parametrize(
    ("lines", "complaint"),
    [
        ('container = "acme/orders:1"\nurl = "http://127.0.0.1:1"', "runs already, and would be run in a container"),
        (f'container = "acme/orders:1"\n{ORDERS}\nmain = "a:b"', "has 2 ways to come to life"),
        ("", "has no way to come to life"),
    ],
)
def test_a_process_that_comes_to_life_twice_or_never_is_named(lines: str, complaint: str, tmp_path: Path) -> None:
    """With the line to delete or to write."""
    with pytest.raises(ManifestError, match=complaint):
        read(tmp_path, lines)


def test_target_and_image_go_together() -> None:
    """One without the other, or a third kind of target, is named with the line to write."""
    assert image_of("process", "") == ""
    assert image_of("container", "acme/orders:1") == "acme/orders:1"
    for target, image in (("container", ""), ("process", "acme/orders:1")):
        with pytest.raises(UsageError, match="--target container --image"):
            image_of(target, image)
    with pytest.raises(UsageError, match="process or container"):
        image_of("pod", "")


def test_without_an_engine_a_run_in_containers_ends_in_one_clear_message(tmp_path: Path) -> None:
    """Before anything is started, with the way on, and without a traceback."""
    call = "from harness.cli import main; main()"
    ended = subprocess.run(
        [sys.executable, "-c", call, "run", str(INBOX), "--target", "container", "--image", "acme/orders:1"],
        env={**os.environ, "DOCKER_HOST": f"unix://{tmp_path}/none.sock", "PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert ended.returncode == 4
    assert ended.stderr.startswith("retrigger: no container engine answers")
    assert "--target process" in ended.stderr
    assert "Traceback" not in ended.stderr
