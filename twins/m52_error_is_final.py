"""FLAW: an error status of the partner is taken for its last word (P1b; a partner that answers 500 for a while)."""

from __future__ import annotations

from typing import Any

import httpx

from reference_services.callee_inbox.worker import main
from reference_services.order import Order
from reference_services.peer import CallFailed, Peer

__all__ = ["main"]

call = Peer.call


def call_once(self: Peer, path: str, order: Order, epoch: int | None = None) -> dict[str, Any]:
    """No answer is tried again; any answer will do."""
    try:
        return call(self, path, order, epoch)
    except CallFailed as error:
        if isinstance(error.__cause__, httpx.HTTPStatusError):
            return {}
        raise


Peer.call = call_once  # type: ignore[method-assign]
