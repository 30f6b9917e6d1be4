"""Tables as files: what a row may say, what is refused, and that every table of a pattern says what the model says."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.boundaries import describe
from harness.checks import Verdict
from harness.errors import ManifestError
from harness.manifest.graph import graph_of
from harness.truth.command import tables_here
from harness.truth.outcome import differs_from_model, expected
from harness.truth.session import read_tables
from harness.truth.table import Count, Row, Table, read_table
from harness.truth.variants import check_rows, systems_of

HEAD = 'figure = "0"\n[variant.plain]\n[variant.inbox]\nwork = "inbox"\nenv = { WORK = "inbox" }\n'
ROW = '[[row]]\nfault = "B dies"\nplan = ["kill B @recv B.w w1"]\n'
FIGURES = [folder for folder in tables_here() if Path(folder).name.startswith("figure_")]


def table(folder: Path, text: str) -> Table:
    """A table of this text."""
    (folder / "table.toml").write_text(text, encoding="utf-8")
    return read_table(folder)


@pytest.mark.parametrize(
    ("said", "least", "most"), [(2, 2, 2), ("2", 2, 2), ("<=2", 0, 2), ("<= 2", 0, 2), ("1-3", 1, 3), (0, 0, 0)]
)
def test_a_count_is_a_number_or_a_range(said: object, least: int, most: int) -> None:
    """What is written comes back as it was meant."""
    assert Count.read(said) == Count(least=least, most=most)
    assert Count.read(str(Count.read(said))) == Count.read(said)


@pytest.mark.parametrize("said", ["two", "<2", "-1", "", 1.5, True, None, [1]])
def test_what_is_no_count_is_refused(said: object) -> None:
    """A prediction that cannot be compared is none."""
    with pytest.raises(ValueError, match="no count"):
        Count.read(said)


def test_a_row_is_run_in_each_variant_with_the_numbers_of_that_variant(tmp_path: Path) -> None:
    """What a variant says stands instead of what the row says."""
    read = table(tmp_path, HEAD + ROW + "again = { A = 1, D = 1 }\ninbox.again = { A = 1 }\n")
    assert [(row.variant, sorted(row.again or ())) for row in read.rows] == [("plain", ["A", "D"]), ("inbox", ["A"])]
    assert read.variants["inbox"].env == {"WORK": "inbox"}


def test_a_row_may_be_for_one_variant_only(tmp_path: Path) -> None:
    """`variants` says where it is run."""
    read = table(tmp_path, HEAD + ROW + 'variants = ["inbox"]\nattempts = { "B.w" = "<=2" }\nverdict = "violated"\n')
    [row] = read.rows
    assert (row.variant, row.verdict, str((row.attempts or {})["B.w"])) == ("inbox", Verdict.VIOLATED, "<=2")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (HEAD, "'row' is missing"),
        (ROW + "again = {}\n", "'figure' is missing"),
        (HEAD + ROW, "it predicts nothing"),
        (HEAD + ROW + 'again = { A = "some" }\n', "no count"),
        (HEAD + ROW + "agian = {}\nagain = {}\n", "no such key: agian"),
        (HEAD + ROW + 'variants = ["log"]\nagain = {}\n', "no such variant: log"),
        (HEAD + ROW.replace("kill", "tickle") + "again = {}\n", "tickle"),
        (HEAD + ROW.replace("fault", "falt") + "again = {}\n", "'fault' is missing"),
        (HEAD + "[[row", "cannot be read"),
        (HEAD.replace("work", "wrok") + ROW + "again = {}\n", "no such key: wrok"),
    ],
)
def test_a_table_that_is_not_one_says_why(tmp_path: Path, text: str, complaint: str) -> None:
    """The complaint names the file and what is wrong in it."""
    with pytest.raises(ManifestError) as caught:
        table(tmp_path, text)
    assert complaint in str(caught.value)
    assert "table.toml" in str(caught.value)


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("again = { G = 1 }", "G cannot be counted here"),
        ('again = {}\nattempts = { "G.w" = 1 }', "G.w cannot be counted here"),
        ('again = {}\nmissing = ["G.w"]', "G.w cannot be counted here"),
        ('again = {}\npredict = "crash G"', "no node 'G'"),
    ],
)
def test_a_row_that_names_what_is_not_there_is_refused_before_anything_runs(
    tmp_path: Path, line: str, complaint: str
) -> None:
    """Nodes, effects and sentences are looked up in the manifest beside the table."""
    figure = next(folder for folder in FIGURES if folder.endswith("figure_4"))
    (tmp_path / "retrigger.toml").write_bytes((Path(figure) / "retrigger.toml").read_bytes())
    wrong = table(tmp_path, f'figure = "4"\n{ROW}{line}\n')
    with pytest.raises(ManifestError, match=complaint):
        check_rows(wrong, systems_of(wrong))


def test_a_plan_that_is_aimed_at_nothing_is_refused(tmp_path: Path) -> None:
    """A fault that cannot strike would make a row of nothing."""
    figure = next(folder for folder in FIGURES if folder.endswith("figure_4"))
    (tmp_path / "retrigger.toml").write_bytes((Path(figure) / "retrigger.toml").read_bytes())
    wrong = table(tmp_path, f'figure = "4"\n{ROW.replace("kill B", "kill G")}again = {{}}\n')
    with pytest.raises(ManifestError, match="no such target"):
        check_rows(wrong, systems_of(wrong))


@pytest.mark.parametrize("folder", FIGURES, ids=lambda folder: Path(folder).name)
def test_every_row_of_a_figure_says_what_the_model_says(folder: str) -> None:
    """The tables were written by hand from the post's figures; the model computes its numbers from the manifest."""
    [read] = read_tables([folder])
    systems = systems_of(read)
    assert [(row.fault, row.variant, differs_from_model(row, systems[row.variant].derived)) for row in read.rows] == [
        (row.fault, row.variant, "") for row in read.rows
    ]
    assert len({(row.fault, row.variant) for row in read.rows}) == len(read.rows), "a row is known by its words"


def test_a_table_that_contradicts_the_model_is_told() -> None:
    """One number changed: the row says what the model says instead."""
    figure = next(folder for folder in FIGURES if folder.endswith("figure_5"))
    [read] = read_tables([figure])
    row = next(row for row in read.rows if row.fault.startswith("B after publish"))
    lying = Row(fault=row.fault, variant=row.variant, plan=row.plan, predict=row.predict, again={"B": Count.exactly(1)})
    system = systems_of(read)[row.variant]
    assert differs_from_model(lying, system.derived) == "the model says A B D"
    assert str(expected(row, system)) == "A B D"


@pytest.mark.parametrize("folder", FIGURES, ids=lambda folder: Path(folder).name)
def test_the_readme_of_a_figure_shows_its_drawing(folder: str) -> None:
    """The picture is what the manifest derives to."""
    [read] = read_tables([folder])
    system = next(iter(systems_of(read).values()))
    drawn = describe(graph_of(system.manifest)).text().split("\n\n")[1]
    assert drawn in (Path(folder) / "README.md").read_text(encoding="utf-8")
