"""The topic: a position promises everything before it, so it moves in order, after the work, and never back."""

from __future__ import annotations

from pathlib import Path

import pytest

from reference_services.caller_topic.reader import read_on
from reference_services.caller_topic.topic import Topic
from reference_services.order import Order
from reference_services.peer import CallFailed


class Group:
    """A group of readers that writes down what it works on, and fails at one order if it is told to."""

    def __init__(self, topic: Topic, name: str) -> None:
        self.topic, self.name, self.worked = topic, name, list[str]()
        self.fails_at: str | None = None
        self.failure: BaseException = CallFailed("no answer")

    def read_on(self) -> bool:
        return read_on(self.topic, self.name, self.work)

    def work(self, order: Order) -> None:
        self.worked.append(order.id)
        if order.id == self.fails_at:
            raise self.failure


@pytest.fixture
def topic(tmp_path: Path) -> Topic:
    """Three orders, one of which came twice."""
    topic = Topic(tmp_path / "topic.db")
    for work in ("w1", "w2", "w1", "w3"):
        topic.append(Order(id=work, amount=5))
    return topic


def test_every_group_reads_everything_once_and_in_order(topic: Topic) -> None:
    """The log forgets nothing, so a group that comes later begins with the past."""
    for name in ("payments", "mails"):
        group = Group(topic, name)
        assert group.read_on()
        assert not group.read_on()
        assert group.worked == ["w1", "w2", "w3"]


def test_an_order_that_fails_is_tried_again_and_those_behind_it_wait(topic: Topic) -> None:
    """Passing it would promise that it is done. What was done before it is not repeated."""
    group = Group(topic, "payments")
    group.fails_at = "w2"
    for _ in range(2):
        with pytest.raises(CallFailed):
            group.read_on()
    group.fails_at = None
    assert group.read_on()
    assert group.worked == ["w1", "w2", "w2", "w2", "w3"]


def test_a_reader_that_dies_gets_everything_behind_its_position_again(topic: Topic, tmp_path: Path) -> None:
    """The batch was done but for its position: nothing of it may be skipped by whoever reads on."""
    dying = Group(topic, "payments")
    for position, order in topic.after("payments", 10):
        dying.work(order)
        assert position
    survivor = Group(Topic(tmp_path / "topic.db"), "payments")
    assert survivor.read_on()
    assert survivor.worked == dying.worked == ["w1", "w2", "w3"]


def test_a_position_never_moves_back(topic: Topic) -> None:
    """A slow member of a group commits late; what the others have passed stays passed."""
    topic.commit("payments", 3)
    topic.commit("payments", 1)
    assert [order.id for _, order in topic.after("payments", 10)] == [
        order.id for position, order in topic.after("mails", 10) if position > 3
    ]


def test_an_order_that_comes_while_a_batch_is_read_comes_with_the_next_one(topic: Topic) -> None:
    """The position says how far the batch went, and not how long the log is."""
    group = Group(topic, "payments")
    assert topic.after("payments", 10)
    topic.append(Order(id="w4", amount=5))
    first = topic.after("payments", 2)
    topic.commit("payments", first[-1][0])
    group.read_on()
    assert group.worked == ["w3", "w4"]
