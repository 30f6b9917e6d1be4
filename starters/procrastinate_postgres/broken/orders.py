"""Takes orders: the order and its job are one transaction in PostgreSQL, then 202.

Responsibility begins with that commit, and passes to the queue in the same instant: there is no moment in which one
is stored and the other is not. The same id again changes nothing: the sender has missed our answer.
"""

import os

import psycopg
from flask import Flask, request

from tasks import DATABASE_URL, charge, create_tables

app = Flask(__name__)


@app.post("/orders")
def take_order():
    """An error on the way to the database is a 500: then nobody has promised anything, and the sender asks again."""
    order = request.get_json()
    if not order.get("id"):
        return {"error": "an order needs an id"}, 400
    with psycopg.connect(DATABASE_URL, connect_timeout=1) as db:
        row = (order["id"], order.get("amount", 0))
        inserted = db.execute("insert into orders (id, amount) values (%s, %s) on conflict do nothing", row)
        if inserted.rowcount:
            charge.configure(connection=db).defer(order=order)
    return {"id": order["id"]}, 202


@app.get("/healthz")
def healthz():
    """Ready for work, once the tables are there."""
    with psycopg.connect(DATABASE_URL, connect_timeout=1) as db:
        db.execute("select from orders limit 0")
    return {}


if __name__ == "__main__":
    create_tables()
    app.run(host="127.0.0.1", port=int(os.environ.get("PORT", "8000")), threaded=True)
