"""A complaint about a manifest: what is wrong at which key, and what to write. Turned into a `Problem` with a line."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass

from harness.errors import ManifestError, Problem
from harness.manifest.placeholders import HIDDEN, SECRET_NAME
from harness.manifest.source import KeyPath, Source

__all__ = ["Complaint", "closest", "refuse"]

_LONGEST_GOT = 160
_SECRET_PAIR = re.compile(
    rf"""([\w-]*(?:{SECRET_NAME.pattern})[\w-]*["']?\s*=\s*)("[^"{{]*"|'[^'{{]*'|[^\s"',}}\]]+)""", re.I
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint:
    """One thing that is wrong.

    at: the key complained of. what, expected: as in `Problem`.
    got: what stands there; None means: as it is written in the file.
    value: the right value for the key `to`, when the way out is to write one. to: None means `at`.
    fix: the way out in full, where it is not one value.
    """

    at: KeyPath
    what: str
    expected: str
    got: str | None = None
    value: object = None
    to: KeyPath | None = None
    fix: str = ""

    def problem(self, source: Source) -> Problem:
        """The complaint as a person reads it, with file, line and the line to write."""
        got = source.written(self.at) if self.got is None else self.got
        return Problem(
            what=self.what,
            where=f"{source.path}:{source.line(self.at)}  {source.label(self.at)}".rstrip(),
            expected=self.expected,
            got=_hidden(_short(got) or "nothing", self.at),
            fix=_hidden(self.fix or source.with_value(self.to or self.at, self.value), self.at),
        )


def refuse(source: Source, complaints: Iterable[Complaint]) -> None:
    """Raises all complaints at once, in the order of the lines.

    Raises:
        ManifestError: there is at least one.
    """
    in_order = sorted(complaints, key=lambda complaint: source.line(complaint.at))
    if in_order:
        raise ManifestError(*(complaint.problem(source) for complaint in in_order))


def closest(word: str, known: Iterable[str]) -> str | None:
    """The known word that was probably meant, or None."""
    by_lower = {name.lower(): name for name in known}
    found = difflib.get_close_matches(word.lower(), by_lower, n=1)
    return by_lower[found[0]] if found else None


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST_GOT else line[:_LONGEST_GOT] + " ..."


def _hidden(text: str, at: KeyPath) -> str:
    """The text without the secrets of an environment, since errors end up in logs."""
    if at[2:3] != ("env",):
        return text
    if len(at) > 3 and SECRET_NAME.search(str(at[3])) and "{" not in text and "=" not in text:
        return HIDDEN
    return _SECRET_PAIR.sub(rf'\1"{HIDDEN}"', text)
