"""What the kinds of durable execution engines have in common."""

from __future__ import annotations

from abc import abstractmethod

from harness.stores.kind import ResourceKind
from harness.stores.readers import Reader

__all__ = ["Engine"]


class Engine(ResourceKind):
    """A server that keeps invocations of functions until they are finished."""

    @abstractmethod
    def reader(self, function: str) -> Reader:
        """Reads the invocations of a function that are registered and not finished."""
