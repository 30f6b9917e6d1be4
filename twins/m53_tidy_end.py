"""FLAW: told to end, the worker finishes what it has in hand without doing it (P1b; SIGTERM, and a silent partner)."""

from __future__ import annotations

import signal
import sys
from types import FrameType

from reference_services.callee_inbox import worker
from reference_services.callee_inbox.inbox import Claim, Inbox
from reference_services.settings import data_file

__all__ = ["main"]

in_hand: list[Claim] = []


class TidyInbox(Inbox):
    """Knows what it has given out last."""

    def claim(self, lease_s: float) -> Claim | None:
        """Takes an order, and a note of it."""
        claim = super().claim(lease_s)
        in_hand[:] = [claim] if claim else []
        return claim


def end(_signal: int, _frame: FrameType | None) -> None:
    """Leaves nothing behind."""
    for claim in in_hand:
        Inbox(data_file("inbox.db")).finish(claim)
    sys.exit(0)


def main() -> None:
    """Works until it is told to end."""
    worker.Inbox = TidyInbox
    signal.signal(signal.SIGTERM, end)
    worker.main()
