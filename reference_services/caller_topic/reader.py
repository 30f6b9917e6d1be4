"""Follows the topic for one group: work first, then the position.

The position is committed once for a whole batch, which makes it cheap, and means that after a crash orders come again
that are done already: every piece of work has to know its own. An order that fails is tried until it works, and all
behind it wait: that is the price of keeping the order, and one order that can never work would stop its group for good.

Source: the post, fig. 2.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable

from reference_services.caller_topic.topic import Topic
from reference_services.order import Order
from reference_services.peer import CallFailed
from reference_services.settings import report, seconds

__all__ = ["follow"]

BATCH = 10
POLL_S = seconds("POLL_S", 0.1)
RETRY_S = seconds("RETRY_S", 2.0)


def follow(topic: Topic, reader: str, work: Callable[[Order], object]) -> None:
    """Does the work of every order, for ever; looks for new ones every `POLL_S` seconds while there are none."""
    while True:
        try:
            if not read_on(topic, reader, work):
                time.sleep(POLL_S)
        except (CallFailed, sqlite3.OperationalError) as error:
            report(error)
            time.sleep(RETRY_S)


def read_on(topic: Topic, reader: str, work: Callable[[Order], object]) -> bool:
    """One batch, as far as it goes; False where there was nothing to read."""
    done = 0
    try:
        for position, order in topic.after(reader, BATCH):
            work(order)
            done = position
    finally:
        if done:
            topic.commit(reader, done)
    return bool(done)
