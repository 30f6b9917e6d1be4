"""The one payload of all reference services: an order with a key of its own, carried unchanged from hop to hop."""

from __future__ import annotations

from pydantic import BaseModel, Field

__all__ = ["Order"]


class Order(BaseModel):
    """One piece of work.

    id: the work key, chosen by whoever places the order and the same however often he sends it.
    amount: what the order costs.
    nonce: an arbitrary text that travels with the order, so that an effect can be matched with the request behind it.
    """

    id: str = Field(min_length=1)
    amount: int
    nonce: str = ""
