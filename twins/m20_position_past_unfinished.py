"""FLAW: records are worked on in parallel, and the position moves past one not done (P1b; hold, kill @recv #2).

The first fault of w1 hurts nothing, nor does the kill: only both together.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from reference_services.caller_topic import payments
from reference_services.caller_topic.payments import main
from reference_services.caller_topic.reader import BATCH, POLL_S, RETRY_S
from reference_services.caller_topic.topic import Topic
from reference_services.order import Order
from reference_services.peer import CallFailed

__all__ = ["main"]


def follow(topic: Topic, reader: str, work: Callable[[Order], object]) -> None:
    """Begins every record as it comes; each moves the position when it is done."""
    begun: set[int] = set()
    while True:
        for position, order in topic.after(reader, BATCH):
            if position not in begun:
                begun.add(position)
                threading.Thread(target=one, args=(topic, reader, work, position, order), daemon=True).start()
        time.sleep(POLL_S)


def one(topic: Topic, reader: str, work: Callable[[Order], object], position: int, order: Order) -> None:
    """One record, tried until it works."""
    while True:
        try:
            work(order)
            break
        except CallFailed:
            time.sleep(RETRY_S)
    topic.commit(reader, position)


payments.follow = follow
