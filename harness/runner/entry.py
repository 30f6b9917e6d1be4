"""How work is handed in: as a request to a node, or as a message to a broker.

One try is a connection, then the moment at which a fault may strike, then the sending. A request opens its connection
with the sending; a broker speaks first, so there the connection stands before the fault does.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

import httpx

from harness.manifest.model import Publish, Request, Submit
from harness.manifest.placeholders import fill
from harness.stores import ResourceKind, Unconfirmed

__all__ = ["Entry", "Outcome", "PublishEntry", "RequestEntry", "Send"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one try came to.

    outcome: ok, rejected or unknown. status: of an HTTP answer. detail: in words.
    late: the time was up before an answer came. body: of an HTTP answer.
    """

    outcome: str
    status: int | None = None
    detail: str = ""
    late: bool = False
    body: bytes = b""


Send = Callable[[Mapping[str, str]], Awaitable[Outcome]]
"""Sends one piece of work; what `{work}` and `{nonce}` stand for comes with it."""


class Entry(Protocol):
    """A way into the system."""

    def open(self, limit_s: float) -> AbstractAsyncContextManager[Send]:
        """A connection for one try. Raises Unconfirmed where it cannot be made within `limit_s` seconds."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestEntry:
    """An HTTP request. http: a client without limits of its own. address: the proxy in front of the node."""

    http: httpx.AsyncClient
    address: str
    request: Request
    submit: Submit

    @asynccontextmanager
    async def open(self, limit_s: float) -> AsyncIterator[Send]:
        """Nothing to be opened."""

        async def send(values: Mapping[str, str]) -> Outcome:
            try:
                async with asyncio.timeout(limit_s):
                    return self._read(await self._send(values))
            except TimeoutError:
                return Outcome(outcome="unknown", detail=f"no answer within {limit_s:g} s", late=True)
            except httpx.HTTPError as error:
                return Outcome(outcome="unknown", detail=_in_words(error))

        yield send

    async def _send(self, values: Mapping[str, str]) -> httpx.Response:
        headers: Mapping[str, str] = {"X-Work-Id": values["work"], **fill(self.request.headers, values)}
        return await self.http.request(
            self.request.method,
            self.address + fill(self.request.path, values),
            json=fill(self.request.json_, values) if self.request.json_ is not None else None,
            headers=headers,
        )

    def _read(self, answer: httpx.Response) -> Outcome:
        if answer.status_code in self.submit.accepted:
            return Outcome(outcome="ok", status=answer.status_code, body=answer.content)
        outcome = "rejected" if answer.status_code in self.submit.rejected else "unknown"
        return Outcome(outcome=outcome, status=answer.status_code, detail=answer.text[:200], body=answer.content)


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishEntry:
    """A message to a broker; accepted when the broker confirms it. address: of the proxy in front of the broker."""

    kind: ResourceKind
    address: str
    publish: Publish

    @asynccontextmanager
    async def open(self, limit_s: float) -> AsyncIterator[Send]:
        """A connection of its own."""
        async with self.kind.publishing(self.address, limit_s) as put:

            async def send(values: Mapping[str, str]) -> Outcome:
                headers = {"X-Work-Id": values["work"], **fill(self.publish.headers, values)}
                body = json.dumps(fill(self.publish.json_, values)).encode()
                try:
                    async with asyncio.timeout(limit_s):
                        await put(fill(self.publish.subject, values), body, headers)
                except TimeoutError:
                    return Outcome(outcome="unknown", detail=f"no confirm within {limit_s:g} s", late=True)
                except Unconfirmed as error:
                    return Outcome(outcome="unknown", detail=str(error))
                return Outcome(outcome="ok")

            yield send


def _in_words(error: httpx.HTTPError) -> str:
    if isinstance(error, httpx.ConnectError):
        return "connection refused"
    if isinstance(error, httpx.RemoteProtocolError):
        return "connection closed without an answer"
    return f"connection broke: {type(error).__name__}"
