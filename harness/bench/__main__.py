"""`python -m harness.bench`: runs the bench and prints it; `--against` sets an older file beside it.

`python -m harness.bench detection` is another bench: how much is found, not how fast; see there.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from harness.bench.bench import bench
from harness.bench.detection import run as detection
from harness.bench.table import WIDTH, print_comparison, print_figures
from harness.cli.session import Interrupted
from harness.errors import HarnessError, Problem, UsageError

__all__ = ["main", "run"]

INTERRUPTED = 130
"""What a shell says of a command that Ctrl-C has ended."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Reads the command line, runs, and returns the exit code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments[:1] == ["detection"]:
        return detection.main(arguments[1:])
    parser = argparse.ArgumentParser(prog="python -m harness.bench", description="How fast everything is.")
    parser.add_argument("patterns", nargs="*", metavar="PATTERN", help="names or manifests; default: all patterns")
    parser.add_argument("--quick", action="store_true", help="a few of everything, about a minute")
    parser.add_argument("--out", type=Path, default=Path("build/bench.json"), help="the file to write")
    parser.add_argument("--against", type=Path, help="an older file to compare with")
    given = parser.parse_args(arguments)
    try:
        run(out=given.out, quick=given.quick, patterns=given.patterns, against=given.against)
    except HarnessError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    except (KeyboardInterrupt, Interrupted):
        return INTERRUPTED
    return 0


def run(*, out: Path, quick: bool, patterns: Sequence[str] = (), against: Path | None = None) -> None:
    """Runs the bench and prints it.

    Args:
        out: the file to write. quick: a few of everything. patterns: which; all where none is given.
        against: an older file, read before anything is measured, so that it may be the one that is written.

    Raises:
        UsageError: the older file cannot be read.
        SetupError: a part of the harness itself cannot be made ready.
    """
    older = _read(against) if against else None
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=WIDTH)
    figures = bench(out, quick, patterns=patterns, progress=lambda text: console.print(f" ..  {text}", markup=False))
    print_figures(figures, console)
    if older is not None:
        print_comparison(figures, older, console)
    console.print(f"{figures['seconds']:g} s, written to {out}", markup=False)


def _read(path: Path) -> dict[str, Any]:
    try:
        document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        problem = Problem(what="the older file cannot be read", where=str(path), expected="JSON", got=str(error))
        raise UsageError(problem) from error
    return document


if __name__ == "__main__":
    sys.exit(main())
