"""A service with its manifest in a folder of its own, and the real command in a process of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

SERVICE = Path(__file__).parent / "service.py"
ROOT = Path(__file__).parents[2]

MANIFEST = """\
spec = 1
name = "shop"

[submit]
node = "orders"
request = { method = "POST", path = "/orders", json = { id = "{work}" } }
accepted = [200]
timeout_s = 2.0
root = "human"

[[process]]
name = "orders"
start = ["PYTHON", "service.py"]
ready = "/healthz"
ready_s = 5.0

[process.env]
PORT = "{port}"
DATA_DIR = "{data}"
WORLD_URL = "{link:world}"
MISTAKE = ""

[[node]]
name = "orders"
process = "orders"
effects = [
    { name = "charge", at = "POST {link:world}/charge" },
    { name = "booked", sql = { sqlite = "{data:orders}/app.db", query = "select work from booked" } },
]
""".replace("PYTHON", sys.executable)


def shop(folder: Path, *changes: tuple[str, str]) -> Path:
    """Puts the service and its manifest into `folder`, each (old, new) of the manifest replaced once."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(SERVICE, folder / "service.py")
    text = MANIFEST
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    path = folder / "retrigger.toml"
    path.write_text(text)
    return path


def mistaken(mistake: str) -> tuple[str, str]:
    """The change of the manifest that lets the service make this mistake."""
    return 'MISTAKE = ""', f'MISTAKE = "{mistake}"'


def retrigger(*arguments: object, folder: Path, limit_s: float = 90.0) -> subprocess.CompletedProcess[str]:
    """Runs the command in `folder`, on this checkout, and returns what it printed."""
    command = [sys.executable, "-c", "from harness.cli import main; main()", *map(str, arguments)]
    return subprocess.run(
        command, cwd=folder, env=environment(), capture_output=True, text=True, timeout=limit_s, check=False
    )


def environment() -> dict[str, str]:
    """Ours, with this checkout first on the path, and without what would make output depend on where we run."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "COV_", "CI"))}
    return kept | {"PYTHONPATH": str(ROOT), "COLUMNS": "200"}
