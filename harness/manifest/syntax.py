"""A text that is not TOML: which line, and how it should look.

The parser stops at the first mistake, sometimes a line or two after it, and speaks of characters. Here the usual
slips are tried on that line and on those above; a line is proposed only if the parser gets further with it.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

from harness.errors import Problem
from harness.manifest.complaint import hide_secrets
from harness.manifest.schema import fragment, resolve

__all__ = ["syntax_problem"]

_LINES_ABOVE = 8


def syntax_problem(path: Path, text: str, error: Exception) -> Problem:
    """What is wrong with a text that `tomllib` refused with this error."""
    lines = text.split("\n")
    stop = _line_of(error, lines)
    number, fix = _mended(lines, stop)
    fix = _second_table(lines, stop) or fix
    return Problem(
        what="the manifest is not TOML" + (", it is nested too deeply" if isinstance(error, RecursionError) else ""),
        where=f"{path}:{number}",
        expected='a line such as  key = "text",  key = 2.0,  [table]  or  [[table]]',
        got=hide_secrets(lines[number - 1].strip()[:160]) or "an empty line",
        fix=hide_secrets(fix) or "correct or delete this line",
    )


def _line_of(error: Exception, lines: list[str]) -> int:
    """The line, from 1, where the parser stopped; the last one that says something where it stopped at the end."""
    found = re.search(r"at line (\d+)", str(error))
    number = int(found[1]) if found else len(lines)
    while number > 1 and not lines[min(number, len(lines)) - 1].strip():
        number -= 1
    return min(number, len(lines))


def _mended(lines: list[str], stop: int) -> tuple[int, str]:
    """The line to change and what to write there; the line where the parser stopped and "" where no slip is known."""
    for number in range(stop, max(0, stop - _LINES_ABOVE), -1):
        for span, proposal in _proposals(lines, number):
            if _is_toml(proposal) and _goes_further(lines, number, span, proposal, stop):
                return number, proposal
    return stop, "delete this line" if _goes_further(lines, stop, 1, "", stop) else ""


def _second_table(lines: list[str], stop: int) -> str:
    """What to write where a table has its header twice; "" where that is not what is wrong."""
    header = re.match(r"\[\s*(\w+)\s*\]", lines[stop - 1].strip())
    first = next((n for n, line in enumerate(lines[: stop - 1], start=1) if header and line.strip() == header[0]), 0)
    if not header or not first:
        return ""
    if resolve(fragment((header[1],))).get("type") == "array":
        return f"[[{header[1]}]]   here and in line {first}"
    return f"move the keys below to line {first}, and delete this line"


def _goes_further(lines: list[str], number: int, span: int, proposal: str, stop: int) -> bool:
    """Whether the parser comes behind the line where it stopped, with `span` lines from `number` on replaced."""
    changed = [*lines[: number - 1], proposal, *lines[number - 1 + span :]]
    return _first_bad_line(changed) > stop - span + 1


def _is_toml(text: str) -> bool:
    return _first_bad_line([text]) == float("inf")


def _first_bad_line(lines: list[str]) -> float:
    try:
        tomllib.loads("\n".join(lines))
    except (ValueError, RecursionError) as error:
        return _line_of(error, lines)
    return float("inf")


def _proposals(lines: list[str], number: int) -> Iterator[tuple[int, str]]:
    """(how many lines are replaced, what to write instead), likeliest first."""
    line = lines[number - 1]
    bare = line.strip()
    if not bare:
        return
    yield from ((1, proposal.strip()) for proposal in _one_line(bare))
    yield from _joined(lines, number)


def _one_line(line: str) -> Iterator[str]:
    header = re.match(r"\[+\s*([\w.]+)\s*\]*$", line)
    if header:
        yield from (f"[{header[1]}]", f"[[{header[1]}]]")
    pair = re.match(r"""["']?([\w.-]+)["']?\s*[:=]\s*(.*?)\s*(#.*)?$""", line)
    if pair:
        yield from (f"{pair[1]} = {value}" for value in _values(pair[2]))
    words = re.match(r"(\w+)\s+(.+)$", line)
    if words:
        yield from (f"{words[1]} = {value}" for value in _values(words[2]))
    yield re.sub(r",\s*}", " }", line)


def _values(value: str) -> Iterator[str]:
    yield value
    if value.lower() in ("true", "false"):
        yield value.lower()
    for closing in ('"', "'", "]", "}", '"]', '" }', "] }", " } }"):
        yield value + closing
    yield re.sub(r",\s*}", " }", value)
    yield re.sub(r'([{,]\s*"?[\w.-]+"?)\s*:\s*', r"\1 = ", value)
    yield '"' + value.strip("\"'") + '"'


def _joined(lines: list[str], number: int) -> Iterator[tuple[int, str]]:
    """An inline table that was spread over lines, on one."""
    for end in range(number + 1, min(number + 12, len(lines)) + 1) if "{" in lines[number - 1] else ():
        text = " ".join(line.strip() for line in lines[number - 1 : end])
        yield end - number + 1, re.sub(r",\s*}", " }", text)
