import json
import os
import urllib.request

import dramatiq
from dramatiq.brokers.redis import RedisBroker

# The numbers are Dramatiq's own unless the environment says otherwise, as a test does, which cannot wait for minutes.
broker = RedisBroker(
    url=os.environ["REDIS_URL"],
    heartbeat_timeout=int(os.environ.get("HEARTBEAT_TIMEOUT_MS", "60000")),
    maintenance_chance=int(os.environ.get("MAINTENANCE_CHANCE", "1000")),
)
dramatiq.set_broker(broker)


@dramatiq.actor(min_backoff=int(os.environ.get("MIN_BACKOFF_MS", "15000")))
def charge(order):
    """Calls the partner as a tutorial would, without a key."""
    body = json.dumps({"id": order, "amount": 5}).encode()
    headers = {"Content-Type": "application/json"}
    call = urllib.request.Request(os.environ["PAYMENTS_URL"] + "/charge", body, headers)
    urllib.request.urlopen(call, timeout=2).read()
