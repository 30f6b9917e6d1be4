"""The worker: charges the partner for each order, and acknowledges the message afterwards.

    celery -A tasks worker

Three settings make the queue a trigger that survives a kill. `acks_late`: a message is gone when its work is done,
not when somebody takes it. `reject_on_worker_lost`: also where only the child process dies. `visibility_timeout`: how
long the message of a dead worker stays hidden; Celery's own value is an hour. It has to be longer than any task, and
than any countdown. The time limits of the sockets let a client notice a Redis that has gone silent.
"""

import json
import os
import urllib.request

from celery import Celery

PAYMENTS_URL = os.environ.get("PAYMENTS_URL", "http://127.0.0.1:9000")
PARTNER_TIMEOUT_S = 0.3
VISIBILITY_S = float(os.environ.get("VISIBILITY_S", "60"))

app = Celery("tasks", broker=os.environ.get("REDIS_URL", "redis://127.0.0.1:6379"))
app.conf.update(
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_ignore_result=True,
    worker_prefetch_multiplier=1,
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    broker_transport_options={
        "visibility_timeout": VISIBILITY_S,
        "unacked_restore_interval": VISIBILITY_S / 2,
        "unacked_restore_throttle": 1,
        "unacked_mutex_expire": 2,
        "socket_timeout": 2,
        "socket_connect_timeout": 1,
        "health_check_interval": 1,
    },
)


@app.task(autoretry_for=(OSError,), max_retries=None, default_retry_delay=0.2)
def charge(order: dict) -> None:
    """Charges the partner under the order's own key, so that he knows a repeat when he sees one."""
    headers = {"Content-Type": "application/json", "Idempotency-Key": order["id"]}
    call = urllib.request.Request(PAYMENTS_URL + "/charge", json.dumps(order).encode(), headers)
    urllib.request.urlopen(call, timeout=PARTNER_TIMEOUT_S).read()
