"""The outputs in the pages: each stands in a block marked `console`, and can be made again.

    python -m tests.docs.snippets                   rewrites the blocks whose output is no longer true
    python -m tests.docs.snippets --check [PAGE...] names them and changes nothing
    python -m tests.docs.snippets --fresh [PAGE...] puts in every output as it is now, but for those with lines left out

A block holds one or more commands, lines that begin with `$ `, each followed by what it printed; a replay stands in the
block of its run. Commands that start nothing must print exactly what the page says. Of a run only the verdict lines are
compared, with figures left out, because times and progress differ from run to run; a block that is right in this sense
stays as it is. A line of three dots stands for lines that the page leaves out.

A `diff` block is applied to a copy of services and patterns, for the console blocks that follow it under the same
heading: so a page can show what a mistake looks like. The word `long` after `console` marks a run that only this
script makes, and no test. Blocks `toml PATH` hold the file at PATH; `<!-- computed: NAME -->` marks a table from code.
"""

from __future__ import annotations

import functools
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from harness.cli.show import FAULT_FORMS
from tests.docs.pages import PAGES, ROOT, Fence, fences, name_of

__all__ = ["Snippet", "alike", "filled", "outputs", "snippets"]

QUICK = ("boundaries", "explain", "list", "schema")
SHARED = ("patterns", "reference_services", "docs", "starters")
LIMIT_S = 300.0
COLUMNS = "100"
ELISION = "..."
_VERDICT = re.compile(r"^ (ok|!!|\?\?|EE)  |^RT\d{3} |\b(HOLDS|VIOLATED|INCONCLUSIVE|NOT EXERCISED|ERROR)\b")
_HEADING = re.compile(r"^#+ ", re.MULTILINE)
_COMPUTED = re.compile(r"(<!-- computed: (\w+) -->\n).*?(<!-- end: \2 -->)", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Snippet:
    """One console block.

    fence: where it stands. calls: (command, the lines that the page shows of its output).
    diffs: the changes that are in force there.
    """

    fence: Fence
    calls: tuple[tuple[str, tuple[str, ...]], ...]
    diffs: tuple[str, ...] = ()

    @property
    def quick(self) -> bool:
        """Nothing is started, and the output is the same everywhere."""
        return all(command.split()[1] in QUICK for command, _ in self.calls)

    @property
    def long(self) -> bool:
        """Takes too long for a test."""
        return "long" in self.fence.info.split()


def snippets(text: str) -> list[Snippet]:
    """The console blocks of a page, in order."""
    found: list[Snippet] = []
    for heading, block in _by_heading(text):
        if block.language == "console":
            diffs = tuple(
                f.body for h, f in _by_heading(text) if h == heading and f.language == "diff" and f.end < block.start
            )
            found.append(Snippet(fence=block, calls=tuple(_calls(block.body)), diffs=diffs))
    return found


def _by_heading(text: str) -> list[tuple[int, Fence]]:
    blocks = fences(text)
    headings = [m.start() for m in _HEADING.finditer(text) if not any(b.start <= m.start() < b.end for b in blocks)]
    return [(sum(start < block.start for start in headings), block) for block in blocks]


def _calls(body: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    for part in re.split(r"^\$ ", body, flags=re.MULTILINE)[1:]:
        command, *lines = part.rstrip("\n").split("\n")
        yield command, tuple(lines)


def outputs(snippet: Snippet) -> tuple[tuple[str, ...], ...]:
    """Runs the commands of a block, in one folder; the lines that each of them printed."""
    return _run(tuple(command for command, _ in snippet.calls), snippet.diffs)


@functools.cache
def _run(commands: tuple[str, ...], diffs: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    with _workspace(diffs) as folder:
        return tuple(_output(command, folder) for command in commands)


@contextmanager
def _workspace(diffs: tuple[str, ...]) -> Iterator[Path]:
    """A folder that looks like the repository; a copy of it where something is to be changed."""
    with tempfile.TemporaryDirectory(prefix="snippets-") as name:
        folder = Path(name)
        for part in SHARED:
            if diffs:
                shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__", "build"))
            else:
                (folder / part).symlink_to(ROOT / part)
        for manifest in folder.glob("patterns/*/retrigger.toml") if diffs else ():
            # a manifest's own folder comes first where its services are looked for
            (manifest.parent / "reference_services").symlink_to(folder / "reference_services")
        for diff in diffs:
            subprocess.run(["git", "apply", "-"], input=diff, text=True, cwd=folder, check=True)
        yield folder


def _output(command: str, folder: Path) -> tuple[str, ...]:
    program, *arguments = shlex.split(command)
    if program == "make":
        program = "retrigger"  # `make demo` sets up, and then is `retrigger demo`
    assert program == "retrigger", f"only retrigger is run, not {command!r}"
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
    ended = subprocess.run(
        [str(Path(sys.executable).parent / program), *arguments],
        cwd=folder,
        env=kept | {"CI": "1", "COLUMNS": COLUMNS},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    lines = [line.rstrip() for line in ended.stdout.rstrip().split("\n")]
    return tuple(line for line in lines if not line.startswith(" ..  "))


def alike(command: str, shown: tuple[str, ...], printed: tuple[str, ...]) -> bool:
    """Whether a page still tells the truth about a command."""
    if command.split()[1] not in QUICK:
        shown, printed = _verdicts(shown), _verdicts(printed)
        if not printed:
            return False  # it did not come to a verdict at all
    parts = _split(shown)
    if len(parts) == 1:
        return shown == printed
    text, place = "\n".join(printed), 0
    for part in map("\n".join, parts):
        place = text.find(part, place)
        if place < 0:
            return False
    return True


def _split(lines: tuple[str, ...]) -> list[tuple[str, ...]]:
    parts: list[list[str]] = [[]]
    for line in lines:
        if line == ELISION:
            parts.append([])
        else:
            parts[-1].append(line)
    return [tuple(part) for part in parts]


def _verdicts(lines: tuple[str, ...]) -> tuple[str, ...]:
    kept = [line for line in lines if _VERDICT.search(line) or line == ELISION]
    return tuple(re.sub(r"\b\d[\d.]*", "N", " ".join(line.partition("   plan ")[0].split())) for line in kept)


def filled(text: str, *, runs: bool, fresh: bool = False) -> str:
    """The page with everything that comes from elsewhere: files, computed tables, outputs that are no longer true.

    Args:
        text: the page. runs: also make the runs; otherwise only what starts nothing.
        fresh: also put in outputs that say the same as those on the page.
    """
    text = _COMPUTED.sub(lambda match: match[1] + COMPUTED[match[2]]() + match[3], text)
    for block in reversed(fences(text)):
        if block.language == "toml" and len(block.info.split()) == 2:
            text = _with_body(text, block, (ROOT / block.info.split()[1]).read_text(encoding="utf-8"))
    for snippet in reversed(snippets(text)):
        if snippet.quick or runs:
            text = _with_body(text, snippet.fence, _body(snippet, fresh=fresh))
    return text


def _body(snippet: Snippet, *, fresh: bool) -> str:
    lines = []
    for (command, old), new in zip(snippet.calls, outputs(snippet), strict=True):
        kept = alike(command, old, new) and (ELISION in old or not fresh)
        lines.append([f"$ {command}", *(old if kept else new)])
    return "\n".join(line for each in lines for line in each) + "\n"


def _with_body(text: str, block: Fence, body: str) -> str:
    return text[: block.start] + body + text[block.end :]


def _faults() -> str:
    words, points = FAULT_FORMS[: FAULT_FORMS.index(("", ""))], FAULT_FORMS[FAULT_FORMS.index(("", "")) + 1 :]
    return _table("fault in words", words) + "\n" + _table("point", points)


def _table(head: str, rows: tuple[tuple[str, str], ...]) -> str:
    cells = [f"| `{words.replace('|', chr(92) + '|')}` | {meaning} |" for words, meaning in rows]
    return "\n".join([f"| {head} | meaning |", "|---|---|", *cells]) + "\n"


COMPUTED = {"faults": _faults}


def main(arguments: list[str]) -> int:
    """Refreshes the pages, or names the stale ones; 1 where one was stale."""
    check, fresh = "--check" in arguments, "--fresh" in arguments
    wanted = [Path(argument).resolve() for argument in arguments if not argument.startswith("--")]
    stale = 0
    for page in PAGES:
        if not wanted or page in wanted:
            text = page.read_text(encoding="utf-8")
            new = filled(text, runs=True, fresh=fresh)
            stale += new != text
            print(f"{'as it was' if new == text else 'stale' if check else 'rewritten'}   {name_of(page)}", flush=True)
            if not check:
                page.write_text(new, encoding="utf-8")
    return int(check and stale > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
