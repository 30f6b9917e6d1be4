"""FLAW: the idempotency key is made for each attempt, so the partner sees new work (P2; kill payments @applied)."""

from __future__ import annotations

from reference_services.caller_queue import payments
from reference_services.caller_queue.payments import main
from twins.keys import forgetful

__all__ = ["main"]

forgetful(payments.cards)
