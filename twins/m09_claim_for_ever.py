"""FLAW: a claim never expires: who dies with it takes the order along (P1b, P15; kill worker @recv)."""

from __future__ import annotations

from reference_services.callee_inbox import worker
from reference_services.callee_inbox.worker import main

__all__ = ["main"]

worker.LEASE_S = 1e9
