"""FLAW: works on rows under an id of the server's making, see `m06_server_made_id` (P2; cut reply @deliver)."""

from __future__ import annotations

from reference_services.callee_inbox import worker
from reference_services.callee_inbox.worker import main
from twins.m06_server_made_id import NumberedInbox

__all__ = ["main"]

worker.Inbox = NumberedInbox
