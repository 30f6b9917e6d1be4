"""The outside partner of `docker-compose.yml`: charges a card, or whatever else it is asked for, once for each key.

The harness brings a partner of its own. This one is for looking: `GET /applied` shows what was done, and how often it
was asked for.
"""

from __future__ import annotations

import secrets
from typing import Annotated

from fastapi import FastAPI, Header

from reference_services.order import Order
from reference_services.settings import data_file
from reference_services.store import Store

__all__ = ["app"]

SCHEMA = """
create table if not exists applied (
    effect text not null,
    key text not null,
    amount integer not null,
    nonce text not null,
    asked integer not null default 1,
    primary key (effect, key)
);
"""

app = FastAPI()
store = Store(data_file("partner.db"), SCHEMA)


@app.get("/applied")
def applied() -> list[dict[str, str | int]]:
    """Everything that was done, oldest first."""
    with store.transaction() as db:
        rows = db.execute("select effect, key, amount, asked from applied order by rowid").fetchall()
    return [dict(zip(("effect", "key", "amount", "asked"), row, strict=True)) for row in rows]


@app.post("/{effect}")
def apply(effect: str, order: Order, idempotency_key: Annotated[str, Header()]) -> dict[str, str]:
    """Does it once; whoever asks again under the same key gets the first answer again."""
    with store.transaction() as db:
        (nonce,) = db.execute(
            "insert into applied (effect, key, amount, nonce) values (?, ?, ?, ?)"
            " on conflict do update set asked = asked + 1 returning nonce",
            (effect, idempotency_key, order.amount, secrets.token_hex(4)),
        ).fetchone()
    return {"effect": effect, "nonce": nonce}
