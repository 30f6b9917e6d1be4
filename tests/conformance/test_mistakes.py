"""Mistakes that people make in a manifest or in a service, through the real command: each names its fix in one line."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from tests.conformance.rig import mistaken, retrigger, shop

Change = tuple[str, str]


class Mistake(NamedTuple):
    """What is changed in a manifest that is right; the fix that is named; the exit code."""

    changes: list[Change]
    fix: str
    exit_code: int = 2


ROWS = "select work from booked"
UNUSED = """
[[process]]
name = "audit"
start = ["sh", "-c", "exec python3 service.py"]
env = { PORT = "{port}", DATA_DIR = "{data}" }

[[node]]
name = "audit"
process = "audit"
route = "POST /audit"

[[edge]]
from = "orders"
to = "audit"
awaits = true

[[node]]
"""
EDGE = """
[[node]]
name = "later"
process = "orders"

[[edge]]
from = "orders"
to = "later"
awaits = false
trigger = { placement = "callee", kind = "inbox", max_detect_s = 0.1 }

[[pending]]
edge = "orders -> later"
sql = { sqlite = "{data:orders}/app.db", query = "select nosuch from booked" }

[[node]]
"""

IN_THE_MANIFEST = {
    "misspelt key": Mistake([("timeout_s", "timeout")], "timeout_s = 2.0"),
    "number in quotes": Mistake([("timeout_s = 2.0", 'timeout_s = "2"')], "timeout_s = 2"),
    "no process of that name": Mistake([('process = "orders"', 'process = "order"')], 'process = "orders"'),
    "submit to nowhere": Mistake([('node = "orders"', 'node = "shop"')], 'node = "orders"'),
    "effect at another endpoint": Mistake(
        [('at = "POST {link:world}/charge"', 'at = "POST {link:world}/pay"')],
        '{ name = "charge", at = "POST {link:world}/charge" },',
    ),
    "link to nowhere": Mistake([("{link:world}", "{link:wrold}")], 'WORLD_URL = "{link:world}"'),
    "nobody knows the port": Mistake([('PORT = "{port}"\n', "")], 'PORT = "{port}"'),
    "work without an id": Mistake(
        [('id = "{work}"', 'id = "1"')],
        'request = { method = "POST", path = "/orders", json = { id = "{work}" } }',
    ),
    "code with two meanings": Mistake([("accepted = [200]", "accepted = [200]\nrejected = [200]")], "rejected = []"),
    "address of another machine": Mistake(
        [("[[process]]", '[[process]]\nname = "far"\nurl = "http://shop.example:80"\n\n[[process]]')],
        'allow_hosts = ["shop.example"]',
    ),
    "a line left as init wrote it": Mistake(
        [('path = "/orders"', 'path = "..."')],
        'request = { method = "POST", path = "/orders", json = { id = "{work}" } }',
    ),
}

IN_THE_SERVICE = {
    "ends at once": Mistake([mistaken("exits")], "mend what its last lines complain of"),
    "goes into the background": Mistake([mistaken("into the background")], "let the command stay in the foreground"),
    "no such program": Mistake([("start = [", 'start = ["./nosuch", ')], "check `start` in the manifest"),
    "listens elsewhere": Mistake(
        [mistaken("own port"), ("ready_s = 5.0", "ready_s = 1.0")], "let it listen at `{port}` (in `start` or `env`)"
    ),
    "never healthy": Mistake(
        [mistaken("no health"), ("ready_s = 5.0", "ready_s = 1.0")], "let it listen at `{port}` (in `start` or `env`)"
    ),
    "does not serve the path": Mistake([mistaken("not found")], 'request = { method = "POST", path = "..." }'),
    "wants another body": Mistake([mistaken("wants more")], "json = { ... } and headers = { ... }"),
    "fails": Mistake([mistaken("crashes")], "mend the service"),
    "never answers": Mistake([mistaken("never answers"), ("timeout_s = 2.0", "timeout_s = 0.3")], "timeout_s = 0.6"),
    "answers with another code": Mistake([mistaken("other status")], "accepted = [201]"),
    "makes no call": Mistake([mistaken("no call")], 'env = { WORLD_URL = "{link:world}" }'),
    "calls another endpoint": Mistake([mistaken("other endpoint")], 'name = "pay", at = "POST {link:world}/pay"'),
    "calls without a work id": Mistake([mistaken("no work id")], "headers={'X-Work-Id': work_id}"),
    "has no such column": Mistake([(ROWS, "select nosuch from booked")], "mend the query, address or command"),
    "has no such table": Mistake(
        [(ROWS, "select work from nosuch")], "got:      app.db: no such table: nosuch; there is booked"
    ),
    "has no such file": Mistake([("/app.db", "/orders.db")], "got:      no file orders.db; there is app.db"),
    "work id is elsewhere": Mistake(
        [('process = "orders"\n', 'process = "orders"\nwork_id = "json:/order"\n')],
        'work_id = "json:/id"   or "header:X-Work-Id", where the request in [submit] carries it',
    ),
    "pending work cannot be read": Mistake([("\n[[node]]\n", EDGE)], "mend the query, address or command"),
    "pending work is nowhere": Mistake(
        [("\n[[node]]\n", EDGE.replace("nosuch from booked", "work from inbx"))],
        "mend the name in the query or address",
    ),
    "ignores an address": Mistake(
        [
            ('WORLD_URL = "{link:world}"', 'WORLD_URL = "{link:world}"\nAUDIT_URL = "{link:audit}"'),
            ("\n[[node]]\n", UNUSED),
        ],
        "let 'orders' read its address from the variable that holds \"{link:audit}\"",
    ),
    "does it twice without any fault": Mistake([mistaken("charges twice")], "retrigger explain RT102", exit_code=1),
}

EVERY = IN_THE_MANIFEST | IN_THE_SERVICE


def test_there_are_twenty_and_more() -> None:
    """The list is a promise."""
    assert len(EVERY) >= 20


@pytest.mark.parametrize("name", EVERY)
def test_a_mistake_names_its_fix_in_one_line(name: str, tmp_path: Path) -> None:
    """`retrigger check` ends with the announced exit code and the way out on one line, and never with a traceback."""
    changes, fix, exit_code = EVERY[name]
    manifest = shop(tmp_path, *changes)
    ended = retrigger("check", manifest, folder=tmp_path)
    told = ended.stdout + ended.stderr
    assert ended.returncode == exit_code, told
    assert [line for line in told.splitlines() if fix in line], told
    assert "Traceback" not in told


def test_a_folder_without_a_manifest_is_told_how_to_get_one(tmp_path: Path) -> None:
    """The first thing that goes wrong."""
    ended = retrigger("check", tmp_path, folder=tmp_path)
    assert ended.returncode == 2
    assert f"retrigger init {tmp_path}" in ended.stderr
