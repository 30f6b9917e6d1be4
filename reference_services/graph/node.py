"""One node of a figure: one effect, then its calls in order, each repeatable under the work's own key.

The environment says what it is. Whether a call is awaited or handed off is only a matter of the address: that of the
other node, which answers when it is done, or that of a queue, which answers when it has the message.

    NODE=B                      its name, and the path of its requests
    CALLS="D"                   whom it calls, in order; the addresses stand in D_URL, ...
    WORK=reexec|inbox|log       takes every step again; stops at a mark behind the last one; skips what its log holds
    ACK=done|first|inbox        answers when it is done; before it has begun, which is the gap between figs. 4 and 5;
                                or when the request is in its own inbox
    RETRIES=0                   how often it repeats a failed call itself
    ANSWERS=no|yes              whether calls ask for an answer, which comes to a handler of its own

With ANSWERS a node is done when all its answers are in: they meet in its memory, which is the join.

Source: the post, figs. 2 to 7.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial

from fastapi import BackgroundTasks, FastAPI

from reference_services.callee_inbox.inbox import Inbox
from reference_services.graph.memory import Memory
from reference_services.graph.message import Message
from reference_services.peer import CallFailed, Peer, bad_gateway
from reference_services.settings import data_file, report, seconds

__all__ = ["app"]

Step = tuple[str, Callable[[], object]]

NODE = os.environ["NODE"]
CALLS = os.environ.get("CALLS", "").split()
WORK = os.environ.get("WORK", "reexec")
ACK = os.environ.get("ACK", "done")
RETRIES = int(os.environ.get("RETRIES", "0"))
ANSWERS = os.environ.get("ANSWERS", "no") == "yes"
RETRY_S = seconds("RETRY_S", 0.1)
LEASE_S = seconds("LEASE_S", 30.0)
POLL_S = seconds("POLL_S", 0.1)

app = FastAPI()
app.add_exception_handler(CallFailed, bad_gateway)
memory = Memory(data_file("memory.db"))
world = Peer(os.environ["WORLD_URL"], seconds("PARTNER_TIMEOUT_S", 2.0))
callees = {name: Peer(os.environ[f"{name}_URL"], seconds("CALL_TIMEOUT_S", 10.0)) for name in CALLS}
queue = Peer(os.environ["QUEUE_URL"], seconds("CALL_TIMEOUT_S", 10.0)) if ANSWERS else None


@app.get("/healthz")
def healthz() -> dict[str, str]:
    """Answers when the service is up."""
    return {"status": "ok"}


@app.post(f"/{NODE}", status_code=200 if ACK == "done" else 202)
def invoke(message: Message, later: BackgroundTasks) -> dict[str, str]:
    """Does this node's work, which may be a repeat; or says that it will be done."""
    if ACK == "first":
        later.add_task(work, message)
    elif ACK == "inbox":
        inbox.register(message)
    else:
        work(message)
    return {"node": NODE, "id": message.id}


@app.post(f"/{NODE}/answers/{{callee}}")
def answered(callee: str, message: Message) -> dict[str, str]:
    """The response handler: takes one answer, and passes the result on when it has them all."""
    perform(f"{NODE}#{callee}", message, answer_steps(callee, message), mode="inbox")
    return {"node": f"{NODE}#{callee}", "id": message.id}


def work(message: Message) -> None:
    """This node's work, as often as it is invoked."""
    perform(NODE, message, steps(message), WORK)


def perform(name: str, message: Message, todo: Iterator[Step], mode: str) -> None:
    """Takes the steps in order, as the work mode says. Nothing is recorded before it is done."""
    end = f"{name} is complete"
    if mode != "reexec" and memory.is_done(message.id, end):
        return
    for step, act in todo:
        if mode == "log" and memory.is_done(message.id, step):
            continue
        act()
        if mode == "log":
            memory.keep(message.id, step)
    if mode != "reexec":
        memory.keep(message.id, end)


def steps(message: Message) -> Iterator[Step]:
    """The effect, then the calls; where answers are wanted and there is nobody to ask, its own answer."""
    if ANSWERS:
        memory.keep_asker(message.id, message.reply_to)
    yield f"{NODE}.w", partial(world.call, f"/{NODE}.w", message)
    for name in CALLS:
        reply_to = f"/{NODE}/answers/{name}" if ANSWERS else ""
        yield f"{NODE} -> {name}", partial(call, name, message.model_copy(update={"reply_to": reply_to}))
    if ANSWERS and not CALLS:
        yield f"{NODE} answers", partial(answer, message)


def answer_steps(callee: str, message: Message) -> Iterator[Step]:
    """The handler's own effect; the answer into the join; the result, from whoever completes the join."""
    yield f"{NODE}_{callee}.w", partial(world.call, f"/{NODE}_{callee}.w", message)
    yield f"{callee} has answered", partial(memory.keep, message.id, f"{callee} has answered")
    if all(memory.is_done(message.id, f"{name} has answered") for name in CALLS):
        yield f"{NODE} answers after {callee}", partial(answer, message)


def call(name: str, message: Message) -> None:
    """Calls another node or hands it a message, and tries again itself as often as it was told to."""
    for _ in range(RETRIES):
        try:
            callees[name].call(f"/{name}", message)
            return
        except CallFailed as error:
            report(error)
            time.sleep(RETRY_S)
    callees[name].call(f"/{name}", message)


def answer(message: Message) -> None:
    """Tells whoever asked that this work is done, by a message of its own."""
    asker = memory.asker(message.id)
    if asker and queue:
        queue.call(asker, message.model_copy(update={"reply_to": ""}))


def work_off(inbox: Inbox) -> None:
    """Takes registered work from the inbox for ever; what a crash leaves there is free when its lease has run out."""
    while True:
        claim = inbox.claim(LEASE_S)
        if claim is None:
            time.sleep(POLL_S)
            continue
        try:
            work(Message.model_validate(claim.order.model_dump()))
            inbox.finish(claim)
        except CallFailed as error:
            report(error)
            inbox.release(claim, POLL_S)


if ACK == "inbox":
    inbox = Inbox(data_file("inbox.db"))
    threading.Thread(target=work_off, args=[inbox], daemon=True).start()
