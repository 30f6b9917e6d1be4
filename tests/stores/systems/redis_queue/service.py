"""A worker on a Redis list: takes a job into a second list, charges, and settles it in one script."""

import json
import os
import time
import urllib.request

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

SETTLE = """
if redis.call('SADD', 'settled', ARGV[1]) == 1 then redis.call('RPUSH', 'done', ARGV[1]) end
return redis.call('LREM', 'jobs:running', 1, ARGV[2])
"""


def main() -> None:
    while True:
        try:
            work(redis.Redis.from_url(os.environ["QUEUE_URL"], socket_timeout=1, retry=Retry(NoBackoff(), 0)))
        except (redis.RedisError, OSError) as error:
            print(error, flush=True)
            time.sleep(0.05)


def work(queue: redis.Redis) -> None:
    while left := queue.lmove("jobs:running", "jobs"):  # what an earlier life of ours has left
        print("again", left, flush=True)
    while True:
        job = queue.blmove("jobs", "jobs:running", 0.5)
        if job:
            order = json.loads(job)
            charge(order)
            queue.eval(SETTLE, 0, order["id"], job)


def charge(order: dict) -> None:
    headers = {"X-Work-Id": order["id"], "Idempotency-Key": order["id"], "Content-Type": "application/json"}
    request = urllib.request.Request(os.environ["PAYMENTS_URL"] + "/charge", json.dumps(order).encode(), headers)
    with urllib.request.urlopen(request, timeout=0.3) as answer:
        answer.read()
