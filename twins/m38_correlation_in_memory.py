"""FLAW: who waits for an answer is kept in memory (P18, P1b; kill C between its request to E and the answer)."""

from __future__ import annotations

from reference_services.graph import node
from reference_services.graph.memory import Memory
from reference_services.graph.node import app

__all__ = ["app"]


askers: dict[str, str] = {}


class Forgetful(Memory):
    """Remembers for as long as it lives."""

    def keep_asker(self, work: str, reply_to: str) -> None:
        """Notes who waits for the answer."""
        askers.setdefault(work, reply_to)

    def asker(self, work: str) -> str:
        """Where the answer goes; nowhere, where that is not known."""
        return askers.get(work, "")


node.memory.__class__ = Forgetful
