"""The pages as the tests read them: which there are, their fenced blocks, their links, the commands that they show."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["PAGES", "ROOT", "Fence", "anchors", "commands", "fences", "inline_code", "links", "name_of", "prose"]

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", *ROOT.glob("docs/**/*.md"), *ROOT.glob("patterns/*/README.md")])

_FENCE = re.compile(r"^```(?P<info>[^\n`]*)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\((?P<target>[^)\s]+)\)")
_CODE = re.compile(r"`([^`\n]+)`")
_HEADING = re.compile(r"^#{1,6} +(.+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fence:
    """One fenced block. info: what stands after the opening fence. start, end: of its body in the page's text."""

    info: str
    body: str
    start: int
    end: int

    @property
    def language(self) -> str:
        """The first word of `info`."""
        return self.info.split()[0] if self.info.split() else ""


def name_of(page: Path) -> str:
    """The page's path inside the repository: its name in test ids."""
    return page.relative_to(ROOT).as_posix()


def fences(text: str) -> list[Fence]:
    """Every fenced block, in order."""
    return [
        Fence(info=match["info"].strip(), body=match["body"], start=match.start("body"), end=match.end("body"))
        for match in _FENCE.finditer(text)
    ]


def prose(text: str) -> str:
    """The page without its fenced blocks."""
    return _FENCE.sub("", text)


def inline_code(text: str) -> list[str]:
    """What stands between backticks in the running text."""
    return _CODE.findall(prose(text))


def links(text: str) -> list[str]:
    """The targets of all links, outside of blocks and code."""
    return [match["target"] for match in _LINK.finditer(_CODE.sub("", prose(text)))]


def anchors(text: str) -> set[str]:
    """The anchors that GitHub makes of the headings."""
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in _HEADING.findall(text)}


def commands(text: str) -> Iterator[list[str]]:
    """Every `retrigger ...` that a page shows, in words: in blocks at the start of a line, and in inline code."""
    shown = [line for fence in fences(text) for line in _lines(fence)]
    for line in [*shown, *inline_code(text)]:
        match = re.match(r"(?:- run: )?retrigger (?P<rest>.*)", line)
        if match:
            yield shlex.split(match["rest"], comments=True)


def _lines(fence: Fence) -> list[str]:
    """The lines of a block that a reader may type."""
    lines = [line.strip() for line in fence.body.splitlines()]
    return [line[2:] for line in lines if line.startswith("$ ")] if fence.language == "console" else lines
