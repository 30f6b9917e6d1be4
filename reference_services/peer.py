"""Calls to another service that are safe to repeat.

The key is the work's own id: the same for every retry, by whichever process, so that the other side can tell a repeat
from new work. A call that fails says nothing about whether it was carried out; the only answer to that is to call again
with the same key. Whether, when and by whom is the affair of the caller's trigger, so nothing here retries.
"""

from __future__ import annotations

import ssl
from typing import Any

import httpx
from fastapi import Request
from fastapi.responses import JSONResponse

from reference_services.order import Order

__all__ = ["CallFailed", "Peer", "Rejected", "bad_gateway", "unprocessable"]

REJECTED = 422


class CallFailed(Exception):
    """No good answer came: refused, cut, late, torn, or an error status. It may have been carried out all the same."""


class Rejected(CallFailed):
    """The other side has decided: it was not carried out and never will be. Asking again gives the same answer."""


class Peer:
    """Another service, reached over HTTP."""

    def __init__(self, url: str, timeout_s: float) -> None:
        """Prepares calls to the service at `url`.

        Args:
            url: the address, without a trailing slash.
            timeout_s: how long each of connecting, sending and receiving may take.
        """
        self._client = httpx.Client(
            base_url=url,
            timeout=timeout_s,
            # A connection per call: an idle one that died in between would fail a call that had nothing wrong with it.
            limits=httpx.Limits(max_keepalive_connections=0),
            trust_env=False,
            # The links are plain HTTP. Loading the system's certificates would cost more than the rest of a start.
            verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
        )

    def call(self, path: str, order: Order, epoch: int | None = None) -> dict[str, Any]:
        """Sends the order under its own key and returns the answer.

        Args:
            path: at the other service. order: the work.
            epoch: number of the claim under which it is sent, where there is one; it goes along as `X-Fencing-Token`.

        Raises:
            Rejected: it did not and will not happen.
            CallFailed: the outcome is unknown; call again with the same order.
        """
        keys = {"Idempotency-Key": order.id, "X-Work-Id": order.id}
        if epoch is not None:
            keys["X-Fencing-Token"] = str(epoch)
        try:
            response = self._client.post(path, json=order.model_dump(), headers=keys)
            if response.status_code == REJECTED:
                raise Rejected(f"{path} for {order.id}: {response.text}")
            answer = response.raise_for_status().json()
        except (httpx.HTTPError, ValueError) as error:
            raise CallFailed(f"{path} for {order.id}: {error!r}") from error
        if not isinstance(answer, dict):
            raise CallFailed(f"{path} for {order.id}: not an answer: {answer!r}")
        return answer


async def bad_gateway(_request: Request, error: Exception) -> JSONResponse:
    """Answers 502 where a call failed: a service that awaits another must not say yes while it does not know."""
    return JSONResponse({"error": str(error)}, status_code=502)


async def unprocessable(_request: Request, error: Exception) -> JSONResponse:
    """Passes a partner's refusal on, which is as final here as it is there."""
    return JSONResponse({"error": str(error)}, status_code=REJECTED)
