"""FLAW: takes orders under an id of its own, see `m06_server_made_id` (P2; cut reply @deliver)."""

from __future__ import annotations

from reference_services.callee_inbox import orders
from reference_services.callee_inbox.orders import app
from reference_services.settings import data_file
from twins.m06_server_made_id import NumberedInbox

__all__ = ["app"]

orders.inbox = NumberedInbox(data_file("inbox.db"))
