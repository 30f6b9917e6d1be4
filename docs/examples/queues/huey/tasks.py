import json
import os
import urllib.request

from huey import RedisHuey

huey = RedisHuey("orders", url=os.environ["REDIS_URL"])


@huey.task()
def charge(order):
    """Calls the partner as a tutorial would: no key, no retry."""
    body = json.dumps({"id": order, "amount": 5}).encode()
    headers = {"Content-Type": "application/json"}
    call = urllib.request.Request(os.environ["PAYMENTS_URL"] + "/charge", body, headers)
    urllib.request.urlopen(call, timeout=2).read()
