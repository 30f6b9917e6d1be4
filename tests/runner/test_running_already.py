"""A service that somebody else has started: it is reached through proxy and tap, and never killed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness.checks import Verdict
from harness.errors import ContractError
from harness.targets import ReservedPort
from tests.runner.rehearsal import rehearsing
from tests.runner.systems import Source

LOST = "cut reply client->charges @deliver charges w1"
SERVER = """
import json, sqlite3, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
def database():
    db = sqlite3.connect("charges.db", timeout=5)
    db.execute("create table if not exists charges (id text UNIQUE)")
    return db
class Charges(BaseHTTPRequestHandler):
    def do_GET(self): self.reply()
    def do_POST(self):
        id = json.loads(self.rfile.read(int(self.headers["content-length"])))["id"]
        with database() as db: db.execute("insert or ignore into charges values (?)", (id,))
        self.reply()
    def reply(self):
        self.send_response(200)
        self.end_headers()
with database() as db: db.execute("insert or ignore into charges values ('of somebody else')")
server = ThreadingHTTPServer(("127.0.0.1", 0), Charges)
print(server.server_port, flush=True)
server.serve_forever()
"""
MANIFEST = """
spec = 1
name = "NAME"
[submit]
node = "charges"
request = { method = "POST", path = "/charges", json = { id = "{work}" } }
accepted = [200]
timeout_s = 1.0
root = "human"
[[process]]
name = "charges"
url = "http://127.0.0.1:PORT"
ready = "/healthz"
[[node]]
name = "charges"
process = "charges"
route = "POST /charges"
work_id = "json:/id"
work = "inbox"
[[node.effects]]
name = "charged"
sink = "transactional"
sql = { sqlite = "FOLDER/charges.db", query = "select id from charges" }
"""


@contextmanager
def served(folder: Path, constraint: str) -> Iterator[Source]:
    """The service, started by nobody of the harness, and a manifest that says where it is."""
    command = [sys.executable, "-c", SERVER.replace("UNIQUE", constraint)]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        assert server.stdout is not None
        try:
            port = server.stdout.readline().strip()
            manifest = MANIFEST.replace("PORT", port).replace("FOLDER", str(folder))
            yield Source(name="charges", files={"retrigger.toml": manifest})
        finally:
            server.kill()


@pytest.mark.parametrize(("constraint", "verdict"), [("primary key", Verdict.HOLDS), ("", Verdict.VIOLATED)])
def test_a_lost_reply_shows_whether_a_running_service_dedupes(
    tmp_path: Path, constraint: str, verdict: Verdict
) -> None:
    """The fault strikes on its link, its table is read where it lies, and rows of others in it are none of this run."""
    with served(tmp_path, constraint) as source, rehearsing(source.open(tmp_path / "system")) as rehearsal:
        for _ in range(2):  # the second time with rows of the first
            judged = rehearsal.run(LOST)
            assert judged.outcome is verdict, judged.error or judged.verdict.why


def test_a_service_that_does_not_run_is_named(tmp_path: Path) -> None:
    """Nobody listens at the address."""
    free = ReservedPort()
    manifest = MANIFEST.replace("PORT", str(free.number)).replace("FOLDER", str(tmp_path))
    source = Source(name="charges", files={"retrigger.toml": manifest})
    with (
        rehearsing(source.open(tmp_path / "system")) as rehearsal,
        pytest.raises(ContractError, match=f"does not answer at http://127.0.0.1:{free.number}"),
    ):
        rehearsal.run(LOST)
    free.release()
