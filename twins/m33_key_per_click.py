"""FLAW: every click mints a new idempotency key for the partner (P2; cut reply client->orders @deliver)."""

from __future__ import annotations

from reference_services.upstream_sync import orders
from reference_services.upstream_sync.orders import app
from twins.keys import forgetful

__all__ = ["app"]

forgetful(orders.stock)
