"""What a node remembers of each piece of work: the steps that it has done, and who waits for an answer.

A step is recorded after it was done, so a crash in between repeats it; each is idempotent under the work's key. Which
steps are recorded at all is the node's work mode.

Source: the post, fig. 1.
"""

from __future__ import annotations

from pathlib import Path

from reference_services.store import Store

__all__ = ["Memory"]

SCHEMA = """
create table if not exists done (work text, step text, primary key (work, step));
create table if not exists asked (work text primary key, reply_to text not null);
"""


class Memory:
    """One SQLite file. A step's name is unique in the process."""

    def __init__(self, path: Path) -> None:
        self._store = Store(path, SCHEMA)

    def is_done(self, work: str, step: str) -> bool:
        """Whether the step was recorded."""
        return bool(self._store.read("select 1 from done where work = ? and step = ?", work, step))

    def keep(self, work: str, step: str) -> None:
        """Records a step. Durable when this returns; recording it again changes nothing."""
        with self._store.transaction() as db:
            db.execute("insert or ignore into done values (?, ?)", (work, step))

    def keep_asker(self, work: str, reply_to: str) -> None:
        """Records who waits for the answer, before anybody else is asked: an answer may come at once."""
        with self._store.transaction() as db:
            db.execute("insert or ignore into asked values (?, ?)", (work, reply_to))

    def asker(self, work: str) -> str:
        """Where the answer goes; empty where nobody waits for one."""
        [(reply_to,)] = self._store.read("select reply_to from asked where work = ?", work)
        return str(reply_to)
