"""Requests with a number each, by which their answers are told apart. No flaw: see M37."""

from __future__ import annotations

from uuid import uuid4

from reference_services.graph import node
from reference_services.graph.message import Message
from reference_services.graph.node import app
from reference_services.settings import data_file
from reference_services.store import Store

__all__ = ["app"]

REQUESTS = "create table if not exists request (number text primary key, asked text not null, message text not null);"

requests = Store(data_file("requests.db"), REQUESTS)
plain_call = node.call


def next_number() -> str:
    """A number that no other request has, and none had before a restart."""
    return uuid4().hex


def number_of(asked: str, message: Message) -> str:
    """The number under which this is asked for; the same when it is asked for again."""
    for (number,) in requests.read("select number from request where asked = ?", asked):
        return str(number)
    number = next_number()
    with requests.transaction() as db:
        db.execute("insert or replace into request values (?, ?, ?)", (number, asked, message.model_dump_json()))
    return number


def call(name: str, message: Message) -> None:
    """Keeps what is asked for, then asks."""
    number = number_of(f"{message.id} of {name}", message)
    plain_call(name, message.model_copy(update={"reply_to": f"{message.reply_to}/{number}"}))


@app.post(f"/{node.NODE}/answers/{{callee}}/{{number}}")
def answered(callee: str, number: str) -> dict[str, str]:
    """Goes on with what was asked for under this number."""
    [(message,)] = requests.read("select message from request where number = ?", number)
    return node.answered(callee, Message.model_validate_json(message))


node.call = call
