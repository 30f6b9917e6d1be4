"""The catalogue is one thing, told in code and in prose; and the checks know nothing but histories."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

import pytest

import harness.checks
from harness.checks import CATALOGUE, PROPERTIES, explain, judge, narrate
from harness.checks.codes import FAMILIES
from harness.errors import UsageError
from tests.checks.fixtures import settled
from tests.checks.story import Story, inbox

FOLDER = Path(harness.checks.__file__).parent
PAGE = (FOLDER.parents[1] / "docs" / "properties.md").read_text(encoding="utf-8")


def rows(heading: str) -> list[list[str]]:
    """The rows of the table below a heading of the page."""
    section = PAGE.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    lines = [line.strip("|") for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip().strip("`") for cell in line.split("|")] for line in lines[2:]]


def test_the_page_lists_every_code_with_its_title_and_property() -> None:
    """The table of codes in the documentation is the catalogue."""
    owners = {code.code: prop.id for prop in PROPERTIES for code in prop.codes}
    assert rows("Codes") == [[code, entry.title, owners[code]] for code, entry in CATALOGUE.items()]


def test_the_page_lists_every_property_with_its_statement_and_kind() -> None:
    """The table of properties in the documentation is the registry."""
    assert rows("Catalogue") == [[prop.id, prop.name, prop.statement, prop.kind] for prop in PROPERTIES]


def test_the_witness_on_the_page_is_what_the_tool_prints() -> None:
    """The example in the documentation comes from a run."""
    story = Story(inbox()).submit("w7").accepted("w7").applies("w7", key="").killed(at="applied charge w7")
    history = settled(story.restarted().applies("w7", key="")).history
    assert "\n".join(narrate(history, judge(history).violations[0])) in PAGE


def test_properties_are_found_by_being_there_in_the_order_of_their_ids() -> None:
    """Nothing but a file is needed to add one."""
    files = [path for path in (FOLDER / "properties").glob("*.py") if path.stem != "__init__"]
    assert len(PROPERTIES) == len(files)
    assert [prop.id for prop in PROPERTIES] == [
        "P1a",
        "P1b",
        "P2",
        "P3",
        "P4",
        "P5",
        "P6",
        "P9",
        "P10",
        "P11",
        "P14",
        "P15",
        "P16",
        "P17",
        "P18",
        "P19",
        "P20",
    ]


@pytest.mark.parametrize("code", CATALOGUE)
def test_every_code_explains_itself(code: str) -> None:
    """Meaning, causes, fixes and the faults that show it, for every code; its family exists."""
    entry = CATALOGUE[code]
    assert entry.means.endswith(".")
    assert entry.causes
    assert entry.fixes
    assert entry.exposed_by
    assert re.fullmatch(r"RT\d{3}", code)
    assert code[:3] in FAMILIES
    assert all(point in explain(code.lower()) for point in (entry.title, entry.means, *entry.causes, *entry.fixes))


def test_an_unknown_code_names_the_nearest() -> None:
    """A slip of the finger gets the way out."""
    with pytest.raises(UsageError, match="retrigger explain RT1"):
        explain("RT1O2")


def test_the_checks_import_nothing_that_makes_histories() -> None:
    """Standard library, histories and errors: a history can be judged where no service ever ran."""
    allowed = {"harness.checks", "harness.history", "harness.errors"}
    strangers = {
        f"{path.name}: {name}"
        for path in FOLDER.rglob("*.py")
        for name in imported(path)
        if ".".join(name.split(".")[:2]) not in allowed and name.split(".")[0] not in sys.stdlib_module_names
    }
    assert strangers == set()


def imported(path: Path) -> set[str]:
    """The full names of the modules that a file imports."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
    return names
