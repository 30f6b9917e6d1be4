"""FLAW: nobody takes a job from a worker that is dead. [P1b]

Failed jobs are tried again without limit, so the queue looks reliable; but a job whose worker was killed stays "doing"
for ever. A graceful stop does not show it: there the worker finishes what it has.
"""

import json
import os
import urllib.request

import procrastinate
import psycopg
from procrastinate.schema import SchemaManager

DATABASE_URL = os.environ.get("DATABASE_URL", "postgresql://postgres@127.0.0.1/app")
PAYMENTS_URL = os.environ.get("PAYMENTS_URL", "http://127.0.0.1:9000")
PARTNER_TIMEOUT_S = 0.3
HEARTBEAT_S = float(os.environ.get("HEARTBEAT_S", "5"))
STALLED_S = 4 * HEARTBEAT_S

connector = procrastinate.PsycopgConnector(conninfo=DATABASE_URL, kwargs={"connect_timeout": 1})
worker = {
    "fetch_job_polling_interval": 0.5,
    "update_heartbeat_interval": HEARTBEAT_S,
    "stalled_worker_timeout": STALLED_S,
}
app = procrastinate.App(connector=connector, worker_defaults=worker)


@app.task(retry=procrastinate.RetryStrategy(max_attempts=None, wait=1))
def charge(order: dict) -> None:
    """Charges the partner under the order's own key, so that he knows a repeat when he sees one."""
    headers = {"Content-Type": "application/json", "Idempotency-Key": order["id"]}
    call = urllib.request.Request(PAYMENTS_URL + "/charge", json.dumps(order).encode(), headers)
    urllib.request.urlopen(call, timeout=PARTNER_TIMEOUT_S).read()


def create_tables() -> None:
    """Creates what is not there yet, once, however many processes begin at the same time."""
    with psycopg.connect(DATABASE_URL, connect_timeout=1) as db:
        db.execute("select pg_advisory_xact_lock(1)")
        db.execute("create table if not exists orders (id text primary key, amount integer)")
        if db.execute("select to_regclass('procrastinate_jobs')").fetchone() == (None,):
            db.execute(SchemaManager.get_schema())
