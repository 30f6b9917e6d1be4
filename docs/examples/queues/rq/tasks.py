import json
import os
import urllib.request


def charge(order):
    """Calls the partner as a tutorial would: no key, no retry."""
    body = json.dumps({"id": order, "amount": 5}).encode()
    headers = {"Content-Type": "application/json"}
    call = urllib.request.Request(os.environ["PAYMENTS_URL"] + "/charge", body, headers)
    urllib.request.urlopen(call, timeout=2).read()
