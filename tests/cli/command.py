"""The command line as a person runs it: a process of its own, in a folder of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import harness

__all__ = ["ENVIRONMENT", "RETRIGGER", "retrigger"]

RETRIGGER = [sys.executable, "-c", "from harness.cli import main; main()"]
"""The command, whether or not its script is on PATH."""
ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "COV_"))},
    "PYTHONPATH": str(Path(harness.__file__).parents[1]),
    "COLUMNS": "120",
    "NO_COLOR": "1",
}
LIMIT_S = 60.0


def retrigger(folder: Path, *args: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs the command in a folder and waits for its end; output and errors as text."""
    return subprocess.run(
        [*RETRIGGER, *args],
        cwd=folder,
        env=ENVIRONMENT | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
