"""`table.toml`: what a figure predicts for each fault, in a pattern's folder beside its manifest.

    figure = "4"
    title = "one root trigger, one boundary of six"

    [variant.reexec]                      # the manifest as it stands; without any variant there is only this one
    [variant.inbox]
    work = "inbox"                        # of every node that is not declared otherwise by `keep`
    env = { WORK = "inbox" }              # replaced in each process that has the variable

    [[row]]
    fault = "A after B returned"          # words for a reader
    plan = ["kill A @reply B w1"]         # the faults, in words of a plan
    predict = "crash A after B"           # the same for the model, which must come to the same numbers
    again = { A = 1, B = 1, D = 1 }       # invocations beyond the fault-free run; a node that is not named: none
    inbox.again = { A = 1, B = 1 }        # other numbers in a variant

A count is a number, or a text: `"2"`, `"<=2"`, `"1-2"`. Besides `again` a row may state `invocations` (of nodes, in
all), `attempts` (of effects, in all), `missing` (effects that never happen), `verdict` (`holds` or `violated`),
`variants` (where the row is run; default: in all), and a `note`.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.checks import Verdict
from harness.errors import ManifestError, Problem, UsageError
from harness.plans.model import Fault, parse_fault

__all__ = ["FILE_NAME", "Count", "Row", "Table", "Variant", "read_table"]

FILE_NAME = "table.toml"
_COUNT = re.compile(r"(?:(?P<least>\d+) ?- ?)?(?P<at_most><= ?)?(?P<most>\d+)")
_VERDICTS = {"holds": Verdict.HOLDS, "violated": Verdict.VIOLATED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """A number, or a range of numbers. least, most: both included."""

    least: int
    most: int

    @staticmethod
    def read(value: object) -> Count:
        """`2`, `"2"`, `"<=2"` or `"1-2"`. Raises ValueError."""
        match = _COUNT.fullmatch(str(value).strip()) if isinstance(value, int | str) else None
        if match is None or isinstance(value, bool):
            raise ValueError(f'{value!r} is no count: a number, "<=2" or "1-2"')
        most = int(match["most"])
        least = 0 if match["at_most"] else int(match["least"] or most)
        return Count(least=least, most=most)

    @staticmethod
    def exactly(number: int) -> Count:
        """This number and no other."""
        return Count(least=number, most=number)

    def allows(self, other: Count) -> bool:
        """Whether everything that `other` leaves open is inside."""
        return self.least <= other.least and other.most <= self.most

    def __str__(self) -> str:
        if self.least == self.most:
            return str(self.most)
        return f"{self.least}-{self.most}" if self.least else f"<={self.most}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """The manifest, changed in one respect.

    name: empty where the table has no variants. work: of every node; empty: as declared. keep: nodes that stay as they
    are. env: variables that are replaced in each process that has them. retries: of every edge that awaits.
    """

    name: str = ""
    work: str = ""
    keep: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    retries: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One fault in one variant, and what shall come of it. A part that is None is not compared.

    fault: for a reader. plan: what is injected. predict: sentences for the model, one for each crash or loss.
    again: invocations of nodes beyond the fault-free run. invocations: of nodes, in all. attempts: of effects, in all.
    missing: effects that never happen. verdict: of the checks. note: for a reader.
    """

    fault: str
    variant: str
    plan: tuple[Fault, ...]
    predict: tuple[str, ...] = ()
    again: Mapping[str, Count] | None = None
    invocations: Mapping[str, Count] | None = None
    attempts: Mapping[str, Count] | None = None
    missing: tuple[str, ...] = ()
    verdict: Verdict = Verdict.HOLDS
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """The table of one pattern. folder: where it stands. rows: one for each variant that they are run in."""

    figure: str
    title: str
    folder: Path
    variants: Mapping[str, Variant]
    rows: tuple[Row, ...]

    @property
    def pattern(self) -> str:
        """The name of the pattern: that of its folder."""
        return self.folder.name


def read_table(folder: Path) -> Table:
    """Reads the table of a pattern.

    Args:
        folder: of the pattern, or the table's own path.

    Raises:
        ManifestError: it cannot be read; names the row.
    """
    path = folder / FILE_NAME if folder.is_dir() else folder
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _refused(path, "", f"the table cannot be read: {error}") from error
    try:
        variants = {name: _variant(name, said) for name, said in raw.pop("variant", {}).items()} or {"": Variant()}
        rows = tuple(row for said in raw.pop("row") for row in _rows(path, said, variants))
        figure, title = str(raw.pop("figure")), str(raw.pop("title", ""))
        _none_left(raw)
    except KeyError as error:
        raise _refused(path, "", f"{error.args[0]!r} is missing") from error
    except (TypeError, ValueError, AttributeError) as error:
        raise _refused(path, "", str(error)) from error
    return Table(figure=figure, title=title, folder=path.parent.resolve(), variants=variants, rows=rows)


def _variant(name: str, said: dict[str, Any]) -> Variant:
    said = dict(said)
    env = {key: str(value) for key, value in said.pop("env", {}).items()}
    work, keep, retries = said.pop("work", ""), tuple(said.pop("keep", ())), said.pop("retries", None)
    _none_left(said)
    return Variant(name=name, work=work, keep=keep, env=env, retries=retries)


def _rows(path: Path, said: dict[str, Any], variants: Mapping[str, Variant]) -> Iterator[Row]:
    """One row of the file, once for each variant that it is run in."""
    common = {key: value for key, value in said.items() if key not in variants}
    wanted = common.pop("variants", list(variants))
    try:
        if unknown := set(wanted) - set(variants):
            raise ValueError(f"no such variant: {', '.join(sorted(unknown))}")
        for name in wanted:
            yield _row(name, common | said.get(name, {}))
    except KeyError as error:
        raise _refused(path, str(said.get("fault", "")), f"{error.args[0]!r} is missing") from error
    except (TypeError, ValueError, AttributeError, UsageError) as error:
        raise _refused(path, str(said.get("fault", "")), str(error)) from error


def _row(variant: str, said: dict[str, Any]) -> Row:
    predict = said.pop("predict", [])
    row = Row(
        fault=said.pop("fault"),
        variant=variant,
        plan=tuple(map(parse_fault, said.pop("plan"))),
        predict=(predict,) if isinstance(predict, str) else tuple(predict),
        again=_counts(said.pop("again", None)),
        invocations=_counts(said.pop("invocations", None)),
        attempts=_counts(said.pop("attempts", None)),
        missing=tuple(said.pop("missing", ())),
        verdict=_VERDICTS[said.pop("verdict", "holds")],
        note=said.pop("note", ""),
    )
    _none_left(said)
    if row.again is None and row.invocations is None and row.attempts is None:
        raise ValueError("it predicts nothing: state `again`, `invocations` or `attempts`")
    return row


def _counts(said: dict[str, Any] | None) -> dict[str, Count] | None:
    return None if said is None else {name: Count.read(value) for name, value in said.items()}


def _none_left(said: Mapping[str, Any]) -> None:
    if said:
        raise ValueError(f"no such key: {', '.join(said)}")


def _refused(path: Path, row: str, what: str) -> ManifestError:
    where = f"{path}  row {row!r}" if row else str(path)
    return ManifestError(Problem(what=what, where=where, fix="docs/figures.md   shows a table with every key"))
