"""The pages do not lie about what exists: links, paths, commands, manifests, tables that repeat what code knows."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import typer.main
from pydantic import ValidationError

import harness.errors
from harness.checks import Verdict
from harness.cli import INTERRUPTED
from harness.cli.app import app
from harness.conformance.baseline import read_baseline
from harness.conformance.where import pattern_names
from harness.manifest.load import load
from harness.manifest.model import Manifest
from harness.report.model import exit_code
from tests.docs.pages import PAGES, ROOT, anchors, commands, fences, inline_code, links, name_of

COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]
OTHERS = {"--against", "--quick", "--second", "--check", "--fresh", "--dist", "--junitxml"}
PATH = re.compile(r"(?:harness|patterns|reference_services|tests|docs|starters|\.ci)/[\w./*{},-]*")
FOREIGN = re.compile(r"pypi\.|npmjs|crates\.io|proxy\.golang|docker\.io|ghcr\.io|registry|index-url", re.IGNORECASE)
MACHINE = re.compile(r"(?<![\w.}~])/(?:work|home|root|tmp|Users|opt)/")


def options_of(command: Any) -> set[str]:
    """The options of a command, or of all commands of a group such as `report`."""
    inside = getattr(command, "commands", {}).values()
    own = {option for each in command.params for option in (*each.opts, *each.secondary_opts)}
    return own.union(*map(options_of, inside))


every_page = pytest.mark.parametrize("page", PAGES, ids=name_of)


@every_page
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    """Files exist, and so do the headings that are linked."""
    for target in links(page.read_text(encoding="utf-8")):
        if not target.startswith(("https://", "http://")):
            path, _, anchor = target.partition("#")
            linked = (page.parent / path).resolve() if path else page
            assert linked.exists(), f"{name_of(page)} links {target}"
            assert not anchor or anchor in anchors(linked.read_text(encoding="utf-8")), target


@every_page
def test_every_command_and_option_that_is_shown_exists(page: Path) -> None:
    """Of `retrigger NAME --option patterns/X`, name, option and pattern are real."""
    for name, *words in filter(None, commands(page.read_text(encoding="utf-8"))):
        if name.startswith("-"):
            continue
        assert name in COMMANDS, f"{name_of(page)}: there is no command {name!r}"
        known = options_of(COMMANDS[name]) | {"--help"}
        for word in words[: words.index("--")] if "--" in words else words:
            if word.startswith("-"):
                assert word.partition("=")[0] in known, f"{name_of(page)}: {name} has no option {word}"
            elif word.startswith("patterns/") and word != "patterns/NAME":
                assert word.partition("/")[2] in pattern_names(), f"{name_of(page)}: there is no {word}"


@every_page
def test_every_option_that_is_named_alone_exists(page: Path) -> None:
    """`--seed` in running text is an option of some command, of the bench, or of the script that renews the pages."""
    known = {option for command in COMMANDS.values() for option in options_of(command)} | OTHERS
    for code in inline_code(page.read_text(encoding="utf-8")):
        if code.startswith("--"):
            options = {word.partition("=")[0] for word in code.split() if word.startswith("--")}
            plugin = {
                option for option in options if option.startswith("--retrigger-")
            }  # docs/pytest.md has its own test
            assert options - plugin <= known, f"{name_of(page)}: {code}"


@every_page
def test_every_path_that_is_named_exists(page: Path) -> None:
    """Paths of the repository in code; capitals stand for names of the reader's choice."""
    text = page.read_text(encoding="utf-8")
    shown = [line for fence in fences(text) if fence.language != "diff" for line in fence.body.splitlines()]
    for line in [*inline_code(text), *shown]:
        for match in PATH.finditer(line):
            path, before = match[0].rstrip(".,/"), line[: match.start()]
            if before.endswith(("/", "}")) or re.search(r"\b[A-Z]+\b", path.replace("README", "")) or "build/" in path:
                continue
            assert (ROOT / path).exists() or any(ROOT.glob(path)), f"{name_of(page)} names {path}"


@every_page
def test_every_toml_block_is_a_manifest_or_a_part_of_one(page: Path, tmp_path: Path) -> None:
    """A whole one can be run as it stands; a part has no key that is unknown and no value that is refused. Or it is a
    baseline."""
    for fence in fences(page.read_text(encoding="utf-8")):
        if fence.language != "toml":
            continue
        written = tomllib.loads(fence.body)
        if "spec" in written:
            (tmp_path / "retrigger.toml").write_text(fence.body, encoding="utf-8")
            assert load(tmp_path, purpose="run").name == written["name"]
        elif "known" in written:
            (tmp_path / "baseline.toml").write_text(fence.body, encoding="utf-8")
            assert read_baseline(tmp_path / "baseline.toml")
        elif written:
            assert not _refused(written), f"{name_of(page)}: {_refused(written)}"


def _refused(part: dict[str, object]) -> list[object]:
    try:
        Manifest.model_validate({"spec": 1, "name": "part"} | part)
    except ValidationError as error:
        return [wrong for wrong in error.errors() if wrong["type"] != "missing"]
    return []


@every_page
def test_no_page_names_a_registry_or_a_path_of_one_machine(page: Path) -> None:
    """What is shown works elsewhere, too."""
    text = page.read_text(encoding="utf-8")
    assert not FOREIGN.search(text)
    assert not MACHINE.search(text)


def test_the_map_names_every_room_and_no_other() -> None:
    """The README's map of harness/ is the folder."""
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    drawn = next(fence.body for fence in fences(page) if fence.body.startswith("harness/"))
    rooms = set(re.findall(r"^  (\w+)/ ", drawn, re.MULTILINE))
    folders = {path.name for path in (ROOT / "harness").iterdir() if path.is_dir() and list(path.glob("*.py"))}
    assert rooms == folders
    assert all((ROOT / name).is_dir() for name in re.findall(r"^(\w+)/ ", drawn, re.MULTILINE))


def test_the_exit_codes_of_the_readme_are_those_of_the_command() -> None:
    """Every code that the command can end with is explained, under the verdict that it stands for."""
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = {int(code): text for code, text in re.findall(r"^\| (\d+) \| (.+) \|$", page, re.MULTILINE)}
    errors = [each for each in vars(harness.errors).values() if isinstance(each, type)]
    raised = {each.exit_code for each in errors if issubclass(each, harness.errors.HarnessError)}
    assert set(rows) == raised | {exit_code(verdict) for verdict in Verdict} | {INTERRUPTED}
    for verdict in set(Verdict) - {Verdict.ERROR}:
        assert verdict.value in rows[exit_code(verdict)]


def test_every_dependency_has_its_line_and_every_line_its_dependency() -> None:
    """docs/dependencies.md and pyproject.toml name the same packages, in the same two lists."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    _, to_run, to_work, *_ = (ROOT / "docs/dependencies.md").read_text(encoding="utf-8").split("\n## ")
    for section, wanted in ((to_run, project["dependencies"]), (to_work, project["optional-dependencies"]["dev"])):
        names = [re.split(r"[<>=~!\[ ]", requirement)[0] for requirement in wanted]
        assert re.findall(r"^\| `([\w.-]+)` \|", section, re.MULTILINE) == names


def test_every_page_is_reachable_from_the_index() -> None:
    """A page that nothing links is read by nobody."""
    index = ROOT / "docs/index.md"
    linked = {(index.parent / target).resolve() for target in links(index.read_text(encoding="utf-8"))}
    assert {page for page in PAGES if page.is_relative_to(ROOT / "docs")} == (linked & set(PAGES)) | {index}
    assert "docs/index.md" in links((ROOT / "README.md").read_text(encoding="utf-8"))
