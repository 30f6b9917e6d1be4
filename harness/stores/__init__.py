"""Trigger stores and where effects are counted at rest, read directly: never through a link that faults act on.

`readers` says what a reader is and has the one for SQLite; each other kind of store has a file of its own, with its
reader and, where the harness starts the server, its `kind.ResourceKind`. The drivers of PostgreSQL and Redis are loaded
only where a manifest names such a store.
"""

from harness.stores.kind import ResourceKind, Unconfirmed
from harness.stores.readers import Paced, Reader, SqliteReader, StoreUnreadable

__all__ = ["Paced", "Reader", "ResourceKind", "SqliteReader", "StoreUnreadable", "Unconfirmed"]
