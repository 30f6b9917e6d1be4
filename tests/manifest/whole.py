"""A manifest without a mistake, into which the tests of this folder put their own."""

from __future__ import annotations

import re
from pathlib import Path

from harness.errors import ManifestError, Problem
from harness.manifest.load import Purpose, load

WHOLE = """\
spec = 1
name = "acme-orders"

[submit]
node = "orders"
request = { method = "POST", path = "/orders", json = { id = "{work}", amount = 5 } }
accepted = [202]
rejected = [400, 409]
timeout_s = 2.0
root = "human"

[[process]]
name = "orders"
start = ["./orders", "--port", "{port}"]
ready = "/healthz"
env = { DATA_DIR = "{data}" }
restart = "always"

[[process]]
name = "worker"
start = ["./worker"]
ready = "none"

[process.env]
PAYMENTS_URL = "{link:world}"
DATA_DIR = "{data:orders}"  # the folder of the other process

[[node]]
name = "orders"
process = "orders"
route = "POST /orders"
work_id = "json:/id"

[[node]]
name = "payments"
process = "worker"
work = "inbox"
# no route: it is reached through the inbox

[[node.effects]]
name = "charge"
sink = "keyed"
at = "POST {link:world}/charge"

[[edge]]
from = "orders"
to = "payments"
awaits = false
trigger = { placement = "callee", kind = "inbox", max_detect_s = 0.5, attempts = "unlimited" }

[[pending]]
edge = "orders -> payments"
sql = { sqlite = "{data:orders}/inbox.db", query = "select id from inbox where done = 0" }
"""


def problems_of(text: str, folder: Path, purpose: Purpose = "run") -> tuple[Problem, ...]:
    """What is wrong with this text as a manifest; nothing when it can be read."""
    path = folder / "retrigger.toml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        load(path, purpose)
    except ManifestError as error:
        return error.problems
    return ()


def line_of(problem: Problem) -> int:
    """The line that a problem names."""
    found = re.search(r"\.toml:(\d+)", problem.where)
    assert found, problem.where
    return int(found[1])


def obeyed(text: str, problem: Problem) -> list[str]:
    """The text after somebody did what `fix` says: in place of the line, behind it, before it, or at the end."""
    lines, number = text.split("\n"), line_of(problem)
    if problem.fix == "delete this line":
        return ["\n".join(lines[: number - 1] + lines[number:])]
    new = problem.fix.split("\n")
    places = ((number - 1, number), (number, number), (number - 1, number - 1), (len(lines), len(lines)))
    return ["\n".join(lines[:start] + new + lines[end:]) for start, end in places]
