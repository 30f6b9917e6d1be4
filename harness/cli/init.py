"""`init`: a manifest to begin with. Three lines are to be filled in; everything else is right as it stands."""

from __future__ import annotations

import re
from pathlib import Path

from harness.errors import Problem, UsageError
from harness.manifest.load import FILE_NAME

__all__ = ["TEMPLATE", "init"]

TEMPLATE = """\
# What retrigger has to know about your service. Fill in the three lines marked with <--, then:
#
#     retrigger check {file}     is all of this true? takes seconds
#     retrigger run {file}       kills, cuts and delays at every gap, and says what was lost or done twice
#
# `retrigger schema` prints a JSON Schema of this file for editors.

spec = 1
name = "{name}"

# How one piece of work is handed in. {{work}} becomes its id: another one for each piece of work, and the same one
# whenever that piece is handed in again. It is sent in the header X-Work-Id as well.
[submit]
node = "service"
request = {{ method = "POST", path = "...", json = {{ id = "{{work}}" }} }}   # <-- 1: its path and body
accepted = [200, 201, 202]    # these answers mean: from here on it is yours
rejected = [400, 409, 422]    # these mean: it did not and will not happen; every other answer is unknown
root = "none"                 # or "human": somebody waits for the answer, and tries again with the same id

# What is started, killed, and started again.
[[process]]
name = "service"
start = ["..."]               # <-- 2: its command; ["python", "app.py"] or ["node", "server.js"] or ["./server"]
ready = "tcp"                 # or a path that answers when it is ready: "/healthz"

[process.env]                 # rename these to the variables that your service reads
PORT = "{{port}}"               # it has to listen here, on 127.0.0.1
DATA_DIR = "{{data}}"           # a folder that survives a kill: its database belongs here
WORLD_URL = "{{link:world}}"    # the partner that it calls; retrigger plays it, and counts

# What one piece of work changes: a call POST $WORLD_URL/NAME with the id in X-Work-Id, or as "id" in the JSON body.
# Calls with the same Idempotency-Key count once. Rows of your own database can be counted instead:
# {{ name = "paid", sql = {{ sqlite = "{{data:service}}/app.db", query = "select order_id from payments" }} }}
[[node]]
name = "service"
process = "service"
effects = [{{ name = "...", at = "POST {{link:world}}/..." }}]   # <-- 3: NAME, twice; such as charge

# --- Does it answer first and work later? Then say who makes sure that the work gets done, and how soon. ------------
# Runs wait as long as is declared here; what comes later counts as not done. Move the effects to the second node.
#
# [[node]]
# name = "worker"
# process = "service"         # or a [[process]] of its own
# effects = []
#
# [[edge]]
# from = "service"
# to = "worker"
# awaits = false
# trigger = {{ placement = "callee", kind = "inbox", max_detect_s = 1.0, backoff_max_s = 1.0 }}
#
# [[pending]]                 # where work that is not done yet can be read: makes verdicts quicker and sharper
# edge = "service -> worker"
# sql = {{ sqlite = "{{data:service}}/app.db", query = "select id from inbox where done = 0" }}
"""


def init(folder: Path) -> int:
    """Writes the file and says what is next; returns the exit code.

    Raises:
        UsageError: there is one already, or the folder cannot be written.
    """
    path = folder / FILE_NAME
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(TEMPLATE.format(name=_name(folder), file=path))
    except FileExistsError:
        fix = f"retrigger check {path}"
        raise UsageError(Problem(what=f"{path} exists already, and was not touched", fix=fix)) from None
    except OSError as error:
        raise UsageError(Problem(what=f"{path} cannot be written", got=error.strerror or str(error))) from None
    print(f"wrote {path}\nfill in the three lines marked with <--, then: retrigger check {path}")
    return 0


def _name(folder: Path) -> str:
    """The folder's name as a name of the manifest."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", folder.resolve().name).strip("-._") or "my-service"
