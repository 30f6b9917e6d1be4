"""FLAW: what is done is remembered in memory (P16, P2; kill orders @quiet, then everything is submitted again)."""

from __future__ import annotations

import sqlite3

from reference_services.account import book
from reference_services.order import Order
from reference_services.upstream_sync import orders
from reference_services.upstream_sync.orders import app

__all__ = ["app"]

seen: set[str] = set()


def book_once(db: sqlite3.Connection, order: Order) -> bool:
    """Books the order unless this process has done so."""
    if order.id in seen:
        return False
    book(db, order)
    seen.add(order.id)
    return True


orders.book_once = book_once
