"""A complaint about a manifest: what is wrong at which key, and what to write. Turned into a `Problem` with a line."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass

from harness.errors import ManifestError, Problem
from harness.manifest.placeholders import HIDDEN, SECRET_NAME
from harness.manifest.source import KeyPath, Source

__all__ = ["Complaint", "closest", "hide_secrets", "refuse"]

_LONGEST_GOT = 160


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint:
    """One thing that is wrong.

    at: the key complained of. what, expected: as in `Problem`.
    got: what stands there; None means: as it is written in the file.
    value: the right value for the key `to`, when the way out is to write one. to: None means `at`.
    fix: the way out in full, where it is not one value. other_way: a second way out, written as a comment behind it.
    """

    at: KeyPath
    what: str
    expected: str
    got: str | None = None
    value: object = None
    to: KeyPath | None = None
    fix: str = ""
    other_way: str = ""

    def problem(self, source: Source) -> Problem:
        """The complaint as a person reads it, with file, line and the line to write."""
        got = source.written(self.at) if self.got is None else self.got
        fix = self.fix or source.with_value(self.to or self.at, self.value)
        return Problem(
            what=self.what,
            where=f"{source.path}:{source.line(self.at)}  {source.label(self.at)}".rstrip(),
            expected=self.expected,
            got=hide_secrets(_short(got) or "nothing", self.at),
            fix=hide_secrets(fix + (f"  # or {self.other_way}" if self.other_way else ""), self.at),
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


def hide_secrets(text: str, at: KeyPath = ()) -> str:
    """The text without the secrets of an environment, since errors end up in logs.

    Outside `env` (another key, or a file that is not TOML yet) only names in capitals are taken for variables.
    """
    if at[2:3] == ("env",):
        if len(at) > 3 and SECRET_NAME.search(str(at[3])) and "{" not in text and "=" not in text:
            return HIDDEN
        return _secret_pair(re.IGNORECASE).sub(rf'\1"{HIDDEN}"', text)
    return _secret_pair(re.NOFLAG).sub(rf'\1"{HIDDEN}"', text)


def _secret_pair(flags: re.RegexFlag) -> re.Pattern[str]:
    """`NAME = value` with the name of a secret; a value with a placeholder in it is none."""
    name = rf"""[\w-]*(?:{SECRET_NAME.pattern})[\w-]*["']?\s*[=:]\s*"""
    return re.compile(rf"""({name})("[^"{{\n]*"?|'[^'{{\n]*'?|[^\s"',}}\]]+)""", flags)
