"""The folders to copy: each holds, and its broken twin is caught by the property that its first line names.

A starter whose language, server or package is missing is skipped with the line that installs it. The plans here are a
few that matter; `make starters` makes every plan of every starter (`RETRIGGER_STARTERS=1`).
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.checks import Verdict
from harness.checks.codes import properties_of
from harness.manifest.load import load
from harness.plans.gaps import single
from harness.runner.system import open_system
from tests.docs.pages import ROOT
from tests.runner.rehearsal import rehearsing

STARTERS = ROOT / "starters"
NAMES = sorted(path.parent.name for path in STARTERS.glob("*/retrigger.toml"))
ALL = bool(os.environ.get("RETRIGGER_STARTERS"))
POSTGRES = "/usr/lib/postgresql"
UNOWNED = "RT212"


@dataclass(frozen=True, slots=True, kw_only=True)
class Starter:
    """What a starter needs, and which faults are worth a test each time.

    programs, packages: that have to be here. install: the line that brings them.
    holds: faults that the correct one survives. caught: the fault that shows the twin's flaw, and its code.
    """

    install: str
    holds: tuple[str, ...]
    caught: tuple[str, str]
    programs: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    slow_to_catch: bool = False


CELERY = "pip install -r starters/celery_redis/requirements.txt; apt-get install redis-server"
PROCRASTINATE = "pip install -r starters/procrastinate_postgres/requirements.txt; apt-get install postgresql"
KILL, LATE = "kill {} @recv charge w1", "cut reply {}->world @recv charge w1"
EXPECTED = {
    "flask_thread": Starter(
        install="pip install -r starters/flask_thread/requirements.txt",
        packages=("flask",),
        holds=(KILL.format("app"), LATE.format("app")),
        caught=(KILL.format("app"), "RT204"),
    ),
    "node_http": Starter(
        install="apt-get install nodejs",
        programs=("node",),
        holds=(KILL.format("orders"), LATE.format("orders")),
        caught=(KILL.format("orders"), "RT101"),
    ),
    "go_http": Starter(
        install="apt-get install golang-go",
        programs=("go",),
        holds=("kill orders @applied charge w1", LATE.format("orders")),
        caught=("kill orders @applied charge w1", "RT102"),
    ),
    "celery_redis": Starter(
        install=CELERY,
        programs=("redis-server", "celery"),
        packages=("celery", "flask", "redis"),
        holds=(KILL.format("worker"),),
        caught=(KILL.format("worker"), "RT101"),
        slow_to_catch=True,
    ),
    "procrastinate_postgres": Starter(
        install=PROCRASTINATE,
        packages=("flask", "procrastinate", "psycopg"),
        holds=(KILL.format("worker"),),
        caught=(KILL.format("worker"), "RT204"),
        slow_to_catch=True,
    ),
}


def has_postgres() -> bool:
    """PostgreSQL is on PATH, or where Debian puts it."""
    return shutil.which("postgres") is not None or Path(POSTGRES).is_dir()


def missing(name: str) -> list[str]:
    """What a starter needs and this machine does not have."""
    needs = EXPECTED[name]
    found = [program for program in needs.programs if shutil.which(program) is None]
    found += [package for package in needs.packages if importlib.util.find_spec(package) is None]
    return found + (["postgres"] if name == "procrastinate_postgres" and not has_postgres() else [])


@pytest.fixture
def copied(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of a starter, as a reader would make it, in an environment that has what it needs."""
    name = str(request.param)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if lacking := missing(name):
        pytest.skip(f"{', '.join(lacking)} missing: {EXPECTED[name].install}")
    folder = tmp_path / name
    shutil.copytree(STARTERS / name, folder, ignore=shutil.ignore_patterns("build", "__pycache__"))
    for line in built_by(folder):
        subprocess.run(line, cwd=folder, check=True, shell=True)
    return folder


def built_by(folder: Path) -> Iterable[str]:
    """The lines of its README that build something."""
    return re.findall(r"^go build .*$", (folder / "README.md").read_text(encoding="utf-8"), re.MULTILINE)


def verdicts(folder: Path, faults: Iterable[str]) -> dict[str, tuple[Verdict, list[str]]]:
    """What each fault alone does to a system: the verdict, and the codes of what was violated."""
    with rehearsing(open_system(folder)) as rehearsal:
        judged = {fault: rehearsal.run(*([fault] if fault else [])) for fault in faults}
    return {
        fault: (each.outcome, [violation.code for violation in each.verdict.violations])
        for fault, each in judged.items()
    }


@pytest.mark.parametrize("copied", NAMES, indirect=True)
def test_a_starter_holds(copied: Path) -> None:
    """Done, and done once, when it is killed before the charge is answered, and when the answer is lost."""
    faults = [str(plan.faults[0]) for plan in single(load(copied))] if ALL else EXPECTED[copied.name].holds
    assert {fault: seen for fault, seen in verdicts(copied, faults).items() if seen[0] is not Verdict.HOLDS} == {}


@pytest.mark.parametrize("copied", NAMES, indirect=True)
def test_the_broken_twin_is_caught(copied: Path) -> None:
    """The fault violates the property that its first line names, or shows the moment in which nobody owned the work.

    That moment (RT212) may be seen without any fault; nothing else of the flaw is.
    """
    expected = EXPECTED[copied.name]
    if expected.slow_to_catch and not ALL:
        pytest.skip("takes most of a minute: make starters")
    fault, code = expected.caught
    seen = verdicts(copied / "broken", ["", fault])
    assert set(seen[""][1]) <= {UNOWNED}
    assert seen[fault][0] is Verdict.VIOLATED
    assert seen[fault][1][0] in (code, UNOWNED)


@pytest.mark.parametrize("name", NAMES)
def test_a_twin_names_its_flaw_and_the_property_on_its_first_line(name: str) -> None:
    """So that nobody copies the wrong folder, and everybody knows what to look for."""
    lines = [
        path.read_text(encoding="utf-8").splitlines()[0]
        for path in (STARTERS / name / "broken").iterdir()
        if path.is_file()
    ]
    [flaw] = [line for line in lines if "FLAW:" in line]
    assert any(f"[{prop}]" in flaw for prop in properties_of(EXPECTED[name].caught[1]))
    assert load(STARTERS / name / "broken").expect == "violated"


def test_no_starter_knows_the_harness() -> None:
    """A reader copies the folder and nothing else: code never names what tests it."""
    for path in STARTERS.rglob("*"):
        if path.suffix in (".py", ".mjs", ".go", ".txt", ".mod"):
            text = path.read_text(encoding="utf-8")
            assert not re.search(r"import harness|from harness|retrigger", text), path
