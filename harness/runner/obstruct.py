"""What stands in the way of links just now, shared by the faults of one case.

A link is obstructed in one way once, however many faults ask for it at the same time: the first puts it there, the last
takes it away. Otherwise the second would be refused by the proxy, and the first to end would end the other as well.
"""

from __future__ import annotations

import asyncio
from collections import Counter

from harness.network import Link, Passed, Undo

__all__ = ["Obstruction", "Obstructions"]


class Obstructions:
    """All obstructions of one case."""

    def __init__(self) -> None:
        self._undos: dict[tuple[str, str], Undo] = {}
        self._users: Counter[tuple[str, str]] = Counter()
        self._changing = asyncio.Lock()

    async def put(self, link: Link, words: str) -> Obstruction:
        """Puts a fault of the network room on a link, by the words of a plan.

        Raises:
            FaultError: the server did not do it.
        """
        key = (link.name, words)
        async with self._changing:
            if not self._users[key]:
                self._undos[key] = await link.apply(words)
            before = await link.bytes_passed()
            self._users[key] += 1
        return Obstruction(self, key, self._undos[key], before)

    async def take_away(self, key: tuple[str, str]) -> None:
        """Ends one fault's share, and the obstruction with the last of them. Raises UndoError."""
        async with self._changing:
            self._users[key] -= 1
            if not self._users[key]:
                await self._undos.pop(key)()


class Obstruction:
    """One fault's share in an obstruction. link: where it is."""

    def __init__(self, all_of_them: Obstructions, key: tuple[str, str], undo: Undo, before: Passed) -> None:
        self.link = undo.link
        self._all = all_of_them
        self._key = key
        self._fault = undo.fault
        self._before = before

    async def end(self) -> None:
        """Heals, once nobody else needs it any more."""
        await self._all.take_away(self._key)

    async def proof(self) -> str:
        """The sentence that proves that bytes were taken away since this fault struck; empty while there is none."""
        return self._fault.proof(await self.link.bytes_passed() - self._before)
