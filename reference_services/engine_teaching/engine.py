"""The engine's server: which invocations there are, how far each has come, and who may go on with it.

An invocation is one row, and the row is the trigger: set when its registration commits, discharged when its outcome
does. In between it is claimed for a while by whoever asks, and what was claimed and not finished in time is claimed
again; nothing else detects a death. Three ideas are the whole engine:

- **Journal.** The result of each step is durable before the next step starts. A claim comes with the journal, so the
  function runs from its first line again and is served what it had reached.
- **Epoch.** Each claim has a new number, and only the newest may write. A worker that was paused, or cut off, for
  longer than its lease finds that it has been replaced, and its late results are refused.
- **Due.** One column says from when on an invocation may be claimed: now (registered), or when a lease ends (claimed),
  a timer goes off, or a pause after a failure is over. One that waits for a child is due when the child is done.

Left out: deletion of what is done, an index, many engines for one file, cancelling, changed code under old journals.

Source: the post, fig. 8
"""

from __future__ import annotations

import json
import sqlite3
import time
from typing import Any

from fastapi import FastAPI, HTTPException
from pydantic import BaseModel, JsonValue

from reference_services.settings import data_file, seconds
from reference_services.store import Store

__all__ = ["app"]

LEASE_S = seconds("LEASE_S", 30.0)
"""How long a claim lasts from its last sign of life. Longer than any step, or a second attempt overlaps the first."""

SCHEMA = """
create table if not exists invocation (
    id text primary key,
    function text not null,
    input text not null,
    epoch integer not null default 0,
    due_s real not null,
    waits_for text,
    outcome text
);
create table if not exists journal (
    invocation text not null,
    position integer not null,
    name text not null,
    result text not null,
    primary key (invocation, position)
);
"""

CLAIM = """
update invocation set epoch = epoch + 1, due_s = :lease_end_s, waits_for = null where id = (
    select id from invocation as it
    where outcome is null and due_s <= :now_s and function in (select value from json_each(:functions))
    and (waits_for is null or exists (select 1 from invocation where id = it.waits_for and outcome is not null))
    order by due_s limit 1
) returning id, function, input, epoch
"""


class Registration(BaseModel):
    """A function to be run once. id: the caller's, so that registering twice is registering once."""

    id: str
    function: str
    input: JsonValue


class Request(BaseModel):
    """A worker asks for something to do."""

    functions: list[str]


class Entry(BaseModel):
    """A step is done: its place in the invocation, its name and its result."""

    epoch: int
    position: int
    name: str
    result: JsonValue


class Suspension(BaseModel):
    """Nothing can be done for a while: for some seconds, or until a child is done."""

    epoch: int
    for_s: float = 0.0
    child: str | None = None


class Outcome(BaseModel):
    """The function has returned."""

    epoch: int
    result: JsonValue


app = FastAPI()
store = Store(data_file("engine.db"), SCHEMA)


@app.post("/invocations", status_code=201)
def register(asked: Registration) -> dict[str, Any]:
    """Sets the trigger, and says what is known of the result; an id that is there already is attached to."""
    row = (asked.id, asked.function, json.dumps(asked.input), time.time())
    with store.transaction() as db:
        db.execute(
            "insert into invocation (id, function, input, due_s) values (?, ?, ?, ?) on conflict do nothing", row
        )
        (outcome,) = db.execute("select outcome from invocation where id = ?", (asked.id,)).fetchone()
    return {"done": outcome is not None, "result": outcome and json.loads(outcome)}


@app.post("/claims")
def claim(asked: Request) -> dict[str, Any]:
    """The invocation that has been due for longest, with its journal and a new epoch; nothing where none is due."""
    now_s = time.time()
    values = {"now_s": now_s, "lease_end_s": now_s + LEASE_S, "functions": json.dumps(asked.functions)}
    with store.transaction() as db:
        row = db.execute(CLAIM, values).fetchone()
        if row is None:
            return {}
        entries = db.execute("select name, result from journal where invocation = ? order by position", row[:1])
        journal = [(name, json.loads(result)) for name, result in entries]
    return {"id": row[0], "function": row[1], "input": json.loads(row[2]), "epoch": row[3], "journal": journal}


@app.post("/invocations/{id:path}/journal")
def journal(id: str, entry: Entry) -> None:
    """Makes a step's result durable. From here on the step does not run again."""
    with store.transaction() as db:
        renew(db, id, entry.epoch)
        row = (id, entry.position, entry.name, json.dumps(entry.result))
        db.execute("insert into journal (invocation, position, name, result) values (?, ?, ?, ?)", row)


@app.post("/invocations/{id:path}/suspension")
def suspend(id: str, wait: Suspension) -> None:
    """Ends a claim before the function has returned, and says when the next one makes sense."""
    with store.transaction() as db:
        renew(db, id, wait.epoch)
        row = (time.time() + wait.for_s, wait.child, id)
        db.execute("update invocation set due_s = ?, waits_for = ? where id = ?", row)


@app.post("/invocations/{id:path}/outcome")
def finish(id: str, done: Outcome) -> None:
    """Discharges the trigger. The result stays, for whoever asks for it."""
    with store.transaction() as db:
        renew(db, id, done.epoch)
        db.execute("update invocation set outcome = ? where id = ?", (json.dumps(done.result), id))


def renew(db: sqlite3.Connection, id: str, epoch: int) -> None:
    """A sign of life prolongs the lease. Refused to all but the newest claim: somebody else has the work now."""
    row = (time.time() + LEASE_S, id, epoch)
    if not db.execute("update invocation set due_s = ? where id = ? and epoch = ? and outcome is null", row).rowcount:
        raise HTTPException(409, f"epoch {epoch} of {id} is over")


@app.get("/healthz")
def healthz() -> dict[str, str]:
    """Answers as soon as invocations can be registered."""
    return {"status": "ok"}
