"""Work ids that an HTTP address answers: `GET {link:orders}/open#/items`."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx

from harness.stores.readers import StoreUnreadable, said, text_of

__all__ = ["HttpReader", "picked"]

ANSWER_S = 2.0


class HttpReader:
    """Asks an address, and finds the list in its JSON answer.

    Args:
        http: a client without a time limit of its own.
        source: as in the manifest, its placeholders filled in. Behind `#` stands the place of the list, as a JSON
            pointer in which `*` is every item: `#/items`, `#/items/*/order/id`.
    """

    absent = ""  # an answer is an answer

    def __init__(self, http: httpx.AsyncClient, source: str) -> None:
        self.http = http
        self.address, _, self.place = source.removeprefix("GET ").partition("#")

    async def read(self) -> list[str]:
        """A text for each item."""
        try:
            async with asyncio.timeout(ANSWER_S):
                answer = await self.http.get(self.address)
        except (httpx.HTTPError, TimeoutError) as error:
            raise StoreUnreadable(f"{self.address}: {said(error)}") from error
        if not answer.is_success:
            raise StoreUnreadable(f"{self.address}: status {answer.status_code}")
        try:
            items = picked(answer.json(), self.place)
        except ValueError as error:
            raise StoreUnreadable(f"{self.address}: {error}") from error
        return [text_of(item) for item in items]

    async def close(self) -> None:
        """The client is not ours."""


def picked(document: Any, place: str) -> list[Any]:
    """The list at this place of a JSON document.

    Raises:
        ValueError: there is none.
    """
    found, several = [document], False
    for word in place.split("/")[1:]:
        if word == "*":
            found, several = [item for each in found for item in _items(each, place)], True
        else:
            found = [_inside(each, word.replace("~1", "/").replace("~0", "~"), place) for each in found]
    return found if several else _items(found[0], place)


def _inside(value: Any, word: str, place: str) -> Any:
    try:
        return value[int(word)] if isinstance(value, list) else value[word]
    except (KeyError, IndexError, TypeError, ValueError):
        raise ValueError(f"there is no {word!r} on the way to #{place}") from None


def _items(value: Any, place: str) -> list[Any]:
    if not isinstance(value, list):
        empty = "; an empty list is [], which a nil slice of Go is not" if value is None else ""
        raise ValueError(f"no list at #{place} but {json.dumps(value)[:80]}{empty}")
    return value
