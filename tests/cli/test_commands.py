"""The commands that run nothing, and everything that can be typed wrongly: a message, an exit code, no traceback."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

from harness.cli import main
from harness.plans.model import Plan
from tests.runner.systems import INBOX

Printed = tuple[int, str, str]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a system, and some files that are none."""
    INBOX.write(tmp_path / "system")
    manifest = INBOX.files["retrigger.toml"].replace("NAME", "tiny")
    plan = {"system": "tiny", "works": 1, "faults": [], "manifest": "system"}
    files = {
        "no.toml": "spec = 1\nname = [",
        "key.toml": manifest.replace("timeout_s", "timeout_seconds"),
        "type.toml": manifest.replace("timeout_s = 0.5", 'timeout_s = "soon"'),
        "edge.toml": manifest.replace('to = "payments"', 'to = "nowhere"'),
        "process.toml": manifest.replace('process = "worker"', 'process = "workers"'),
        "plan.json": "[1, 2]",
        "zero.json": json.dumps(plan | {"works": 0}),
        "foreign.json": json.dumps(plan | {"faults": ["kill nobody @quiet"]}),
        "gone.json": json.dumps(plan | {"manifest": "gone/retrigger.toml"}),
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "binary.json").write_bytes(b"\x80\x81")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs a command in this process: whatever is not caught in it would be a traceback, and fails the test."""
    return Command(monkeypatch, capsys)


class Command:
    """A call of `main` with arguments of its own."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.monkeypatch, self.capsys = monkeypatch, capsys

    def __call__(self, *args: str) -> Printed:
        """Exit code, output, errors."""
        self.monkeypatch.setattr(sys, "argv", ["retrigger", *args])
        self.monkeypatch.setenv("COLUMNS", "200")
        code: object = 0
        try:
            main()
        except SystemExit as end:
            code = end.code or 0
        assert isinstance(code, int)
        printed = self.capsys.readouterr()
        return code, printed.out, printed.err


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("run", "nowhere"), "nowhere"),
        (("run", "no.toml"), "no.toml"),
        (("run", "key.toml"), "timeout_s"),
        (("run", "type.toml"), "timeout_s"),
        (("run", "edge.toml"), "nowhere"),
        (("run", "process.toml"), "worker"),
        (("run", "system", "--explore", "sideways"), "core, single, compound, pairs, writes, sweep, common, random"),
        (("run", "system", "--plan", "explode worker @quiet"), "one of kill"),
        (("run", "system", "--plan", "kill nobody @quiet"), "orders, worker"),
        (("run", "system", "--plan", "kill worker @recv charge w3"), "w1, w2"),
        (("run", "system", "--only", "zzzzzz"), "zzzzzz"),
        (("run", "system", "--budget", "soon"), "180s"),
        (("run", "system", "--report", "pdf=x"), "html, json"),
        (("run", "system", "-n", "many"), "auto"),
        (("run", "system", "--works", "0"), "--works"),
        (("run", "system", "--no-such-option"), "--no-such-option"),
        (("run",), "MANIFEST"),
        (("lunch",), "lunch"),
        (("replay", "zzzzzz"), "zzzzzz"),
        (("replay", "plan.json"), "plan"),
        (("replay", "binary.json"), "binary.json"),
        (("replay", "zero.json"), "works = 0"),
        (("replay", "foreign.json"), "orders, worker"),
        (("replay", "gone.json"), "gone"),
        (("replay", "system"), "system"),
        (("boundaries", "nowhere"), "nowhere"),
        (("boundaries", "no.toml"), "no.toml"),
        (("boundaries", "edge.toml"), "nowhere"),
        (("boundaries", "system", "--fault", "crash nobody after w"), "nobody"),
        (("explain", "RT999"), "RT"),
        (("list", "lunch"), "patterns, properties, faults, plans"),
        (("list", "plans"), "retrigger list plans"),
        (("list", "plans", "nowhere"), "nowhere"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_bad_input_is_a_message_and_exit_code_2(here: Path, command: Command, args: tuple[str, ...], said: str) -> None:
    """It names what was wrong or what would have been right."""
    code, out, err = command(*args)
    assert code == 2, out + err
    assert said in err
    assert "Traceback" not in out + err
    assert not (here / "build").exists()


def test_boundaries_as_json_has_its_shape(here: Path, command: Command) -> None:
    """Boundaries, what nobody owns, lints; nothing is started for it."""
    code, out, _ = command("boundaries", "system", "--json")
    document = json.loads(out)
    assert code == 0
    assert document.keys() >= {"boundaries", "unowned", "lints"}
    found = {each["target"]: each for each in document["boundaries"]}
    assert found.keys() == {"orders", "payments"}
    assert found["orders"].keys() >= {"trigger", "target", "nodes", "layer", "frontier", "nested_in"}
    assert found["payments"]["nodes"] == ["payments"]
    assert found["orders"]["frontier"] == ["orders->payments"]
    assert document["unowned"] == []


def test_boundaries_predict_a_fault(here: Path, command: Command) -> None:
    """Who is surely invoked again, who may be, who must not be."""
    code, out, _ = command("boundaries", "system", "--json", "--fault", "crash payments after charge")
    prediction = json.loads(out)["prediction"]
    assert code == 0
    assert prediction["must"] == {"payments": 1}
    assert prediction["must_not"] == ["orders"]


def test_boundaries_as_text_draw_them(here: Path, command: Command) -> None:
    """For people: names of nodes and triggers."""
    code, out, _ = command("boundaries", "system")
    assert code == 0
    assert "orders" in out
    assert "payments" in out


def test_list_of_plans_is_what_a_run_would_do(here: Path, command: Command) -> None:
    """Each line is an id and a plan in words, the fault-free one first."""
    code, out, _ = command("list", "plans", "system")
    lines = [line.split("  ", 1) for line in out.splitlines()]
    assert code == 0
    assert lines[0] == [Plan(system="tiny-inbox").id, "no faults"]
    assert len(lines) == 35
    assert [words for _, words in lines if words == "kill worker @recv charge w1"]


@pytest.mark.parametrize(
    ("what", "shown"), [("patterns", "callee_inbox"), ("properties", "exactly once"), ("faults", "cut reply A->B")]
)
def test_lists_show_what_there_is(here: Path, command: Command, what: str, shown: str) -> None:
    """Patterns with what they expect, properties with their codes, faults with their meaning."""
    code, out, _ = command("list", what)
    assert code == 0
    assert shown in out


def test_every_code_can_be_explained(here: Path, command: Command) -> None:
    """A code from a report leads to its causes and its fixes, in either case."""
    _, listed, _ = command("list", "properties")
    codes = sorted(set(re.findall(r"RT\d{3}", listed)))
    assert codes
    for code in codes:
        ended, out, _ = command("explain", code.lower())
        assert ended == 0
        assert out.startswith(code)


def test_version_and_schema_are_for_machines(here: Path, command: Command) -> None:
    """One line; one document."""
    assert re.fullmatch(r"retrigger \d+\.\d+\.\d+\n", command("--version")[1])
    assert json.loads(command("schema")[1])["properties"].keys() >= {"submit", "process", "node", "edge"}
