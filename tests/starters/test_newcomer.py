"""The way of somebody who has only the pages: `init`, three lines filled in, `check`, a fault; in three languages."""

from __future__ import annotations

import re
import resource
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.checks import Verdict
from harness.cli.init import init
from harness.runner.system import open_system
from tests.runner.rehearsal import rehearsing

SERVICES = Path(__file__).parent / "newcomer"
RETRIGGER = str(Path(sys.executable).parent / "retrigger")
HELP_S = 0.5
EFFECTS = 'effects = [{ name = "charge", at = "POST {link:world}/charge" }]'


@dataclass(frozen=True, slots=True, kw_only=True)
class Bring:
    """A service that somebody brings.

    program: that it needs. file: its source. start: its command. request: what hands in work.
    caught: the fault that shows what BROKEN in the environment makes of it, and the code of that.
    """

    program: str
    file: str
    start: str
    request: str
    caught: tuple[str, str]


BROUGHT = {
    "python": Bring(
        program="python3",
        file="app.py",
        start='["python3", "app.py"]',
        request='{ path = "/orders", json = { id = "{work}" } }',
        caught=("kill service @quiet", "RT107"),
    ),
    "node": Bring(
        program="node",
        file="server.mjs",
        start='["node", "server.mjs"]',
        request='{ path = "/orders", json = {}, headers = { X-Order-Id = "{work}" } }',
        caught=("cut request service->world @recv charge w1", "RT103"),
    ),
    "go": Bring(
        program="go",
        file="main.go",
        start='["./server"]',
        request='{ path = "/orders/{work}", json = {} }',
        caught=("cut reply service->world @recv charge w1", "RT102"),
    ),
}


@pytest.fixture
def brought(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A folder with the service and with what `init` wrote, its three marked lines filled in."""
    service = BROUGHT[request.param]
    if shutil.which(service.program) is None:
        pytest.skip(
            f"{service.program} missing: apt-get install {'golang-go' if service.program == 'go' else 'nodejs'}"
        )
    folder = tmp_path / request.param
    folder.mkdir()
    shutil.copy(SERVICES / service.file, folder)
    if service.program == "go":
        subprocess.run(["go", "build", "-o", "server", service.file], cwd=folder, check=True)
    init(folder)
    manifest = folder / "retrigger.toml"
    text = manifest.read_text(encoding="utf-8")
    for line, number in ((f"request = {service.request}", 1), (f"start = {service.start}", 2), (EFFECTS, 3)):
        text, filled = re.subn(rf"^.*# <-- {number}.*$", lambda _, line=line: line, text, flags=re.MULTILINE)  # type: ignore[misc]
        assert filled == 1
    manifest.write_text(text, encoding="utf-8")
    return folder


@pytest.mark.parametrize("brought", BROUGHT, indirect=True)
def test_what_init_writes_passes_check_once_its_three_lines_are_filled_in(brought: Path) -> None:
    """Nothing else has to be known to get as far as this."""
    ended = subprocess.run([RETRIGGER, "check", str(brought)], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "the manifest is true" in ended.stdout


@pytest.mark.parametrize("brought", BROUGHT, indirect=True)
def test_a_service_is_told_from_its_broken_twin(brought: Path) -> None:
    """The same fault: the one holds, the other is caught. A human stands before it and tries again."""
    fault, code = BROUGHT[brought.name].caught
    manifest = brought / "retrigger.toml"
    text = manifest.read_text(encoding="utf-8").replace('root = "none" ', 'root = "human"')
    manifest.write_text(text, encoding="utf-8")
    with rehearsing(open_system(brought)) as rehearsal:
        assert rehearsal.run(fault).outcome is Verdict.HOLDS
    manifest.write_text(text.replace("[process.env]", '[process.env]\nBROKEN = "1"'), encoding="utf-8")
    with rehearsing(open_system(brought)) as rehearsal:
        judged = rehearsal.run(fault)
    assert judged.outcome is Verdict.VIOLATED
    assert judged.verdict.violations[0].code == code


def test_help_answers_at_once() -> None:
    """Half a second of processor time, which is all that a busy machine leaves to be compared."""
    before_s = children_s()
    ended = subprocess.run([RETRIGGER, "--help"], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert children_s() - before_s < HELP_S


def children_s() -> float:
    """Processor time of all processes that were started from here and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
