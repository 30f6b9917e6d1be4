"""FLAW: the middle of the chain swallows a child's error and says 200 (P1a; cut request payments->ledger @deliver)."""

from __future__ import annotations

from typing import Any

from reference_services.order import Order
from reference_services.peer import CallFailed, Peer
from reference_services.settings import report
from reference_services.upstream_sync import payments
from reference_services.upstream_sync.payments import app

__all__ = ["app"]


class Optimist(Peer):
    """Makes the best of it."""

    def call(self, path: str, order: Order, epoch: int | None = None) -> dict[str, Any]:
        """Calls, and answers in any case."""
        try:
            return super().call(path, order, epoch)
        except CallFailed as error:
            report(error)
            return {"entered": ""}


payments.ledger = Optimist(str(payments.ledger._client.base_url), 0.5)
