"""Trigger stores, read directly: never through the service, and never through a link that faults act on."""

from harness.stores.readers import Reader, SqliteReader, StoreUnreadable

__all__ = ["Reader", "SqliteReader", "StoreUnreadable"]
