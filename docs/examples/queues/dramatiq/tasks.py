import json
import os
import urllib.request

import dramatiq
from dramatiq.brokers.redis import RedisBroker

dramatiq.set_broker(RedisBroker(url=os.environ["REDIS_URL"]))


@dramatiq.actor
def charge(order):
    """Calls the partner as a tutorial would, without a key."""
    body = json.dumps({"id": order, "amount": 5}).encode()
    headers = {"Content-Type": "application/json"}
    call = urllib.request.Request(os.environ["PAYMENTS_URL"] + "/charge", body, headers)
    urllib.request.urlopen(call, timeout=2).read()
