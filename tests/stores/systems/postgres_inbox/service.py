"""An inbox on PostgreSQL: `app` commits the order and says 202, `work` charges and books it in one transaction.

The audit is written by a trigger of the database, so neither an update nor a delete and reinsert can hide.
"""

import json
import os
import time
import urllib.request

import psycopg
from fastapi import FastAPI

SCHEMA = """
select pg_advisory_xact_lock(1);
create table if not exists inbox (id text primary key, body jsonb not null, done boolean not null default false);
create table if not exists booked (id text primary key, amount integer not null);
create table if not exists audit (seq bigserial primary key, work text not null, what text not null);
create or replace function write_audit() returns trigger language plpgsql as
    $$ begin insert into audit (work, what) values (coalesce(new.id, old.id), tg_op); return null; end $$;
create or replace trigger audited after insert or update or delete on booked
    for each row execute function write_audit();
"""
app = FastAPI()


def connected() -> psycopg.Connection:
    return psycopg.connect(os.environ["DATABASE_URL"], connect_timeout=2, options="-c statement_timeout=1000")


with connected() as connection:
    connection.execute(SCHEMA)


@app.post("/orders", status_code=202)
def place(order: dict) -> dict:
    with connected() as db:
        db.execute("insert into inbox values (%s, %s) on conflict do nothing", (order["id"], json.dumps(order)))
    return {"id": order["id"]}


def work() -> None:
    while True:
        try:
            with connected() as db:
                while work_once(db):
                    db.commit()
        except (psycopg.Error, OSError) as error:
            print(error, flush=True)
        time.sleep(0.02)


def work_once(db: psycopg.Connection) -> bool:
    row = db.execute("select id, body from inbox where not done limit 1 for update skip locked").fetchone()
    if row is None:
        return False
    charge(*row)
    db.execute("insert into booked values (%s, %s)", (row[0], row[1]["amount"]))
    db.execute("update inbox set done = true where id = %s", (row[0],))
    return True


def charge(work_id: str, order: dict) -> None:
    headers = {"X-Work-Id": work_id, "Idempotency-Key": work_id, "Content-Type": "application/json"}
    request = urllib.request.Request(os.environ["PAYMENTS_URL"] + "/charge", json.dumps(order).encode(), headers)
    with urllib.request.urlopen(request, timeout=0.3) as answer:
        answer.read()
