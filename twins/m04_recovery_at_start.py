"""FLAW: unfinished orders are looked for when the worker starts, and never else (P1b; refuse worker->world @recv).

A crash repairs it, which is why a test that kills finds nothing: a partner that was away does not.
"""

from __future__ import annotations

from reference_services.callee_inbox import worker
from reference_services.settings import data_file
from reference_services.store import Store
from twins.m03_nobody_drives_again import FirstTryInbox

__all__ = ["main"]


def main() -> None:
    """Puts what a predecessor left back to the start, then works as ever."""
    FirstTryInbox(data_file("inbox.db"))
    with Store(data_file("inbox.db"), "").transaction() as db:
        db.execute("update inbox set token = 0 where done = 0")
    worker.main()


worker.Inbox = FirstTryInbox
