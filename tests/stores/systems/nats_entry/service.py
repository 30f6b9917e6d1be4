"""A consumer of a JetStream stream that books each order with `books`, a service with a list and a file."""

import asyncio
import json
import os
import sqlite3
import urllib.request

import nats
from fastapi import FastAPI
from nats.errors import Error
from nats.js.api import ConsumerConfig, RetentionPolicy, StreamConfig

ACK_WAIT_S = 0.5
app = FastAPI()


def books() -> sqlite3.Connection:
    db = sqlite3.connect(os.environ["DATA_DIR"] + "/books.db", timeout=5, isolation_level=None)
    db.execute("create table if not exists books (id text primary key, amount integer)")
    return db


@app.post("/books")
def book(order: dict) -> dict:
    with books() as db:
        db.execute("insert or ignore into books values (?, ?)", (order["id"], order["amount"]))
    return {"id": order["id"]}


@app.get("/books")
def listing() -> dict:
    return {"count": 0, "items": [{"order": {"id": row[0]}} for row in books().execute("select id from books")]}


def consume() -> None:
    asyncio.run(keep_consuming())


async def keep_consuming() -> None:
    while True:
        try:
            await session()
        except (Error, OSError, TimeoutError) as error:
            print(repr(error), flush=True)
        await asyncio.sleep(0.05)


async def silent(_: Exception) -> None:
    pass


async def session() -> None:
    client = await nats.connect(os.environ["BROKER_URL"], allow_reconnect=False, connect_timeout=1, error_cb=silent)
    try:
        queue = client.jetstream(timeout=0.5)
        await queue.add_stream(StreamConfig(name="ORDERS", subjects=["orders.>"], retention=RetentionPolicy.LIMITS))
        settings = ConsumerConfig(durable_name="books", ack_wait=ACK_WAIT_S, filter_subject="orders.*")
        subscription = await queue.pull_subscribe("orders.*", durable="books", stream="ORDERS", config=settings)
        while True:
            try:
                messages = await subscription.fetch(1, timeout=0.3)
            except TimeoutError:
                await subscription.consumer_info()  # no work, or no broker?
                continue
            await asyncio.to_thread(send, json.loads(messages[0].data))
            await messages[0].ack_sync(timeout=0.5)
    finally:
        await asyncio.wait_for(client.close(), 0.5)


def send(order: dict) -> None:
    headers = {"X-Work-Id": order["id"], "Content-Type": "application/json"}
    request = urllib.request.Request(os.environ["BOOKS_URL"] + "/books", json.dumps(order).encode(), headers)
    with urllib.request.urlopen(request, timeout=0.3) as answer:
        answer.read()
