"""The catalogue of broken twins says what is wrong with each and changes nothing else; a few are caught here."""

from __future__ import annotations

import asyncio
import difflib
import importlib.util
import json
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.bench.detection.catalogue import Catalogue, Twin, read_catalogue
from harness.bench.detection.figures import canary_record, control_record, removal, score, twin_record
from harness.bench.detection.hunt import explored
from harness.bench.detection.page import write_page
from harness.bench.detection.run import main
from harness.checks import PROPERTIES, Verdict
from harness.errors import ManifestError
from harness.network import find_server
from harness.plans.aim import check_aim
from harness.plans.model import Plan, parse_fault
from harness.runner.stage import Judged, Stage
from harness.runner.system import open_system

CATALOGUE = read_catalogue()
CAUGHT = {"M06": "P2", "M27": "P2", "M34": "P1a"}
SILENT = "C10"
WITNESS = {
    "told_by": "P2",
    "faults": ["cut reply a->b @deliver b w1", "kill a @ready a"],
    "properties": ["P2", "P3"],
    "alone": ["P2"],
    "works": 1,
}


def plan_of(name: str) -> Plan:
    """The smallest plan known to expose a twin, or the first of a control."""
    faults = CATALOGUE.hunted[name].plan if name in CATALOGUE.hunted else CATALOGUE.controls[name].plans[0]
    return Plan(system=name, faults=tuple(map(parse_fault, faults)))


@pytest.mark.parametrize("name", [*CATALOGUE.hunted, *CATALOGUE.controls])
def test_system_is_a_whole_one_and_its_plan_is_aimed_at_it(name: str, tmp_path: Path) -> None:
    """Every manifest can be run, and every known plan names what is there."""
    system = open_system(CATALOGUE.write(name, tmp_path))
    assert system.name == name
    check_aim(system.manifest, plan_of(name)) if name in CATALOGUE.hunted or CATALOGUE.controls[name].plans else None


@pytest.mark.parametrize("name", [name for name, twin in CATALOGUE.twins.items() if not twin.change])
def test_twin_differs_in_its_name_and_the_modules_named_and_in_nothing_else(name: str) -> None:
    """What is caught must be the flaw, and not something that came along with it."""
    twin = CATALOGUE.twins[name]
    correct, broken = CATALOGUE.manifest(twin.of).splitlines(), CATALOGUE.manifest(name).splitlines()
    new = [line[2:] for line in difflib.ndiff(correct, broken) if line.startswith("+ ")]
    assert new[0] == f'name = "{name}"'
    assert len(new) == 1 + len(twin.modules)
    assert all(any(f'"{module}"' in line for module in twin.modules.values()) for line in new[1:])


@pytest.mark.parametrize("name", CATALOGUE.declarations)
def test_wrong_declaration_is_of_the_correct_services(name: str) -> None:
    """Only words about them differ: what runs is what the pattern runs."""
    declared = CATALOGUE.declarations[name]
    correct, wrong = tomllib.loads(CATALOGUE.manifest(declared.of)), tomllib.loads(CATALOGUE.manifest(name))
    assert (wrong["process"], wrong["submit"]) == (correct["process"], correct["submit"])
    assert {key for key in wrong if wrong[key] != correct.get(key)} <= {"name", "node", "edge", "pending"}


@pytest.mark.parametrize("name", CATALOGUE.hunted)
def test_first_line_names_the_flaw_and_a_property_that_must_catch_it(name: str) -> None:
    """Whoever opens a twin knows at once what is wrong with it."""
    twin = CATALOGUE.hunted[name]
    assert any(f"{prop}" in CATALOGUE.flaw(name) for prop in twin.properties)
    assert all(source_of(module).startswith('"""FLAW: ') for module in own_modules(twin))


def own_modules(twin: Twin) -> list[str]:
    """The modules that carry the flaw of a twin; others that run beside it carry none."""
    return [module for module in twin.modules.values() if module.partition(".")[2].startswith("m")]


def source_of(module: str) -> str:
    """The text of a module."""
    spec = importlib.util.find_spec(module.partition(":")[0])
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).read_text(encoding="utf-8")


def test_a_change_that_finds_nothing_to_change_is_an_error() -> None:
    """A pattern that is rewritten does not leave a twin behind that is as correct as itself."""
    gone = Twin(of="callee_inbox", change=(("no such line", ""),), properties=("P2",), plan=())
    with pytest.raises(ManifestError, match="found once"):
        Catalogue(bases={}, twins={"M": gone}, controls={}).manifest("M")


def test_twins_are_caught_by_the_property_that_is_named_and_a_control_is_not_accused(tmp_path: Path) -> None:
    """The smallest plan is enough, and what it breaks is what the flaw is about. A fenced zombie does no harm."""
    names = [*CAUGHT, SILENT]
    systems = [open_system(CATALOGUE.write(name, tmp_path)) for name in names]

    async def run() -> dict[str, Judged]:
        async with Stage(find_server(), systems) as stage:
            return {name: await stage.run(plan_of(name)) for name in names}

    judged = asyncio.run(run())
    assert judged.pop(SILENT).outcome is Verdict.HOLDS
    broken = {name: case.verdict.verdicts[CAUGHT[name]].verdict for name, case in judged.items()}
    assert broken == dict.fromkeys(CAUGHT, Verdict.VIOLATED)


def test_plans_that_separate_placements_come_first(tmp_path: Path) -> None:
    """Every plan of the exploration is run, the few of the core before the others."""
    system = open_system(CATALOGUE.write("M07", tmp_path))
    core, single = list(explored(system, "core")), list(explored(system, "single"))
    assert single[: len(core)] == core
    assert len(single) == len(set(single)) > len(core)


def found(**changes: object) -> dict[str, object]:
    """What became of a twin that was caught."""
    hunt = {
        "witness": WITNESS,
        "minimal": WITNESS,
        "plans": 7,
        "seconds": 1.5,
        "replayed": 9,
        "replays": 10,
        "exploration": "single",
        "by": {"single": 7},
        "cases": 20,
        "other": None,
        "error": "",
    }
    return {**hunt, **changes}


def test_figures_say_who_was_caught_by_what_and_what_is_lost_without_it(tmp_path: Path) -> None:
    """One twin that was caught as named, one that survived, one control that was accused once."""
    twins = {
        "M1": twin_record(found(), ("P16", "P2"), "it forgets"),
        "M2": twin_record(found(witness=None, minimal=None, replays=10, replayed=0), ("P1b",), "it loses"),
    }
    controls = {"C1": control_record({"runs": 3, "alarms": ["kill"], "unsure": [], "error": ""}, "it is right")}
    figures = {"twins": twins, "declarations": {}, "controls": controls, "canaries": {"M2": canary_record(twins["M2"])}}
    figures |= {"score": score(twins, controls, {}), "removal": removal(twins)}
    assert (twins["M1"]["property"], twins["M1"]["minimal_faults"], twins["M1"]["replayed"]) == ("P2", 2, "9/10")
    assert (twins["M2"]["killed"], twins["M2"]["property"]) == (False, None)
    assert {name: figures["score"][name] for name in ("killed", "of", "median_plans", "replayed_9_of_10")} == {
        "killed": 1,
        "of": 2,
        "median_plans": 7,
        "replayed_9_of_10": 1,
    }
    assert figures["removal"]["properties"] == {prop.id: ["M1"] if prop.id == "P2" else [] for prop in PROPERTIES}
    assert figures["removal"]["faults"] == {"cut reply": ["M1"], "kill": ["M1"]}
    run = {"cases": 40, "seconds": 2, "cases_per_min": 1, "explorations": [], "void": True}
    write_page({**figures, **run}, tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    assert "it loses" in page
    assert "VOID" in page


def blind(_catalogue: Catalogue, places: dict[str, str], *_: object) -> Iterator[tuple[str, dict[str, object]]]:
    """What hunts bring home that see nothing."""
    for name in places:
        trial = {"runs": 1, "alarms": [], "unsure": [], "error": ""}
        yield name, found(witness=None, minimal=None, replayed=0) if name in CATALOGUE.hunted else trial


def test_run_is_void_where_a_known_twin_survives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Here the harness is blind on purpose. Nobody asked for the canaries."""
    monkeypatch.setattr("harness.bench.detection.run._run", blind)
    monkeypatch.setattr("signal.signal", lambda *_: None)
    assert main(["--only", "C5", "--out", str(tmp_path)]) == 1
    said = json.loads((tmp_path / "detection.json").read_text())
    assert said["void"]
    assert {name: canary["killed"] for name, canary in said["canaries"].items()} == dict.fromkeys(
        CATALOGUE.canaries, False
    )
    assert said["twins"] == {}
    assert "VOID" in capsys.readouterr().out
