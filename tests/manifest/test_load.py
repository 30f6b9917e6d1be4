"""From a path to a manifest: what is found, what is not, and the next command."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import patterns
from harness.errors import ManifestError
from harness.manifest.load import load
from tests.manifest.whole import WHOLE, problems_of

PATTERNS = sorted(Path(patterns.__file__).parent.glob("*/retrigger.toml"))
FIGURES = sorted((Path(__file__).parents[1] / "boundaries" / "figures").glob("*.toml"))


@pytest.mark.parametrize("path", PATTERNS, ids=lambda path: path.parent.name)
def test_pattern_can_be_run_and_drawn(path: Path) -> None:
    """Every pattern of this project keeps all the rules that a user's manifest has to keep."""
    assert load(path.parent).path == path
    assert load(path, "boundaries").node


@pytest.mark.parametrize("path", FIGURES, ids=lambda path: path.stem)
def test_figure_can_be_drawn_without_anything_to_run(path: Path) -> None:
    """A manifest of nodes and edges alone is enough to derive boundaries, and not enough to run."""
    assert load(path, "boundaries").node
    with pytest.raises(ManifestError):
        load(path)


def test_folder_stands_for_the_manifest_in_it(tmp_path: Path) -> None:
    """A folder and the file in it are the same manifest, and it knows where it came from."""
    (tmp_path / "retrigger.toml").write_text(WHOLE)
    assert load(tmp_path) == load(tmp_path / "retrigger.toml")
    assert load(tmp_path).path == tmp_path / "retrigger.toml"


def test_mark_and_line_ends_of_other_systems_change_nothing(tmp_path: Path) -> None:
    """A byte order mark and carriage returns are read, and lines are counted the same."""
    text = "\ufeff" + WHOLE.replace("\n", "\r\n")
    assert not problems_of(text, tmp_path)
    [problem] = problems_of(text.replace("timeout_s", "timeout"), tmp_path)
    assert problem.where.endswith(":9  submit.timeout")


def test_missing_manifest_names_the_next_command(tmp_path: Path) -> None:
    """Nothing there, a folder without one, and a misspelt file name each lead on."""
    with pytest.raises(ManifestError) as nothing:
        load(tmp_path / "orders")
    assert nothing.value.problems[0].fix == f"retrigger init {tmp_path / 'orders'}"
    with pytest.raises(ManifestError) as empty_folder:
        load(tmp_path)
    assert empty_folder.value.problems[0].fix == f"retrigger init {tmp_path}"
    (tmp_path / "retrigger.toml").write_text(WHOLE)
    with pytest.raises(ManifestError) as misspelt:
        load(tmp_path / "retriger.toml")
    assert misspelt.value.problems[0].fix == f"retrigger check {tmp_path / 'retrigger.toml'}"
    assert misspelt.value.exit_code == 2


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_manifest_that_may_not_be_read_names_the_next_command(tmp_path: Path) -> None:
    """A file without read permission is an error of this kind too."""
    (tmp_path / "retrigger.toml").write_text(WHOLE)
    (tmp_path / "retrigger.toml").chmod(0)
    with pytest.raises(ManifestError) as error:
        load(tmp_path)
    assert error.value.problems[0].fix == f"chmod u+r {tmp_path / 'retrigger.toml'}"


def test_text_in_another_encoding_names_its_line(tmp_path: Path) -> None:
    """Bytes that are no UTF-8 are an error with a line, not a traceback."""
    (tmp_path / "retrigger.toml").write_bytes(b'spec = 1\nname = "caf\xe9"\n')
    with pytest.raises(ManifestError) as error:
        load(tmp_path)
    assert error.value.problems[0].where == f"{tmp_path}/retrigger.toml:2"


def test_address_on_this_machine_or_listed_is_let_through(tmp_path: Path) -> None:
    """Faults may go to loopback, and elsewhere only to hosts that are listed."""
    for url in ("http://127.0.0.1:8080", "http://127.8.0.1", "http://[::1]:8080", "http://localhost:1"):
        assert not problems_of(WHOLE.replace('start = ["./worker"]', f'url = "{url}"'), tmp_path)
    for url in ("http://10.0.0.1", "http://127.0.0.1.example", "http://localhost.example", "http://user@host:1"):
        text = WHOLE.replace('start = ["./worker"]', f'url = "{url}"')
        [problem] = problems_of(text, tmp_path)
        assert "faults would be sent there" in problem.what
        assert not problems_of(f"{problem.fix}\n{text}", tmp_path)


def test_secret_of_the_environment_is_not_printed(tmp_path: Path) -> None:
    """Neither what came nor the line to write shows the value of a secret variable."""
    env = 'env = { API_KEY = "hush", DATA_DIR = 5 }'
    problems = [
        *problems_of(WHOLE.replace('env = { DATA_DIR = "{data}" }', env), tmp_path),
        *problems_of(WHOLE.replace('env = { DATA_DIR = "{data}" }', "env = { API_KEY = 12345 }"), tmp_path),
        *problems_of(WHOLE.replace("PAYMENTS_URL", 'api_token = "hush"\nX = 1\nPAYMENTS_URL'), tmp_path),
        *problems_of(WHOLE.replace('env = { DATA_DIR = "{data}" }', 'env = { api_key = "hush", X = 1 }'), tmp_path),
        *problems_of(WHOLE.replace('env = { DATA_DIR = "{data}" }', 'env = { API_KEY = ["hush"] }'), tmp_path),
    ]
    assert len(problems) == 5
    assert not any("hush" in str(problem) or "12345" in str(problem) for problem in problems)


def test_manifest_with_nothing_in_it_says_what_belongs_there(tmp_path: Path) -> None:
    """The three things that a run needs are named, and only the nodes where boundaries are asked for."""
    text = 'spec = 1\nname = "empty"\n'
    assert [problem.where.split()[-1] for problem in problems_of(text, tmp_path, "boundaries")] == ["node"]
    wanted = problems_of(text, tmp_path)
    assert [problem.where.split()[-1] for problem in wanted] == ["node", "process", "submit"]
    written = "\n".join([text, *(problem.fix for problem in wanted)])
    assert not problems_of(written, tmp_path)


def test_name_of_a_pending_edge_may_have_any_spaces(tmp_path: Path) -> None:
    """`a->b` and `a -> b` are the same edge."""
    assert not problems_of(WHOLE.replace('"orders -> payments"', '"orders->payments"'), tmp_path)
