"""FLAW: an order is booked and marked done before the partner is charged (P1b; kill worker @recv).

Whoever dies between the two leaves an order that looks done.
"""

from __future__ import annotations

from collections.abc import Callable

from reference_services.callee_inbox import worker
from reference_services.callee_inbox.inbox import Inbox
from reference_services.callee_inbox.worker import main
from reference_services.order import Order

__all__ = ["main"]


def work_once(inbox: Inbox, work: Callable[[Order], object]) -> bool:
    """One attempt at one order; False where there was none to try."""
    claim = inbox.claim(worker.LEASE_S)
    if claim is None:
        return False
    inbox.finish(claim)
    work(claim.order)
    return True


worker.work_once = work_once
