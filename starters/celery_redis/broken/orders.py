"""Takes orders and hands each to Celery: 202 once Redis has the message.

Responsibility passes to the broker with `delay`; until the sender sees the 202, both are responsible, and the same
order may be queued twice. The task's key makes that harmless.
"""

import os

from flask import Flask, request

from tasks import charge

app = Flask(__name__)


@app.post("/orders")
def take_order():
    """An error on the way to Redis is a 500: then nobody has promised anything, and the sender asks again."""
    order = request.get_json()
    if not order.get("id"):
        return {"error": "an order needs an id"}, 400
    charge.delay(order)
    return {"id": order["id"]}, 202


@app.get("/healthz")
def healthz():
    """Ready for work."""
    return {}


if __name__ == "__main__":
    app.run(host="127.0.0.1", port=int(os.environ.get("PORT", "8000")), threaded=True)
