"""What the runner knows of completeness: effects counted by the world or a store, and triggers not yet discharged."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from harness.checks.saga import is_undone, owed
from harness.history import Kind
from harness.plans.model import Plan
from harness.runner.budget import Bounds, Budget, Calibration
from harness.runner.universe import Universe
from harness.stores import Paced, Reader, StoreUnreadable

__all__ = ["Ledger"]


class Ledger:
    """Reads the evidence of one case, and writes it to the history when it changes."""

    def __init__(self, universe: Universe) -> None:
        assert universe.scene is not None
        self.system = universe.system
        self.scene = universe.scene
        sources = universe.sources()
        self._pending: dict[str, list[Reader]] = {}
        for pending in self.system.manifest.pending:
            self._pending.setdefault(pending.edge, []).append(sources.reader(pending))
        self._rows: dict[str, Reader] = {effect.name: sources.reader(effect) for effect in self.system.stored_effects}
        self._parked: dict[str, list[Reader]] = {}
        for parked in self.system.manifest.parked:
            self._parked.setdefault(parked.edge, []).append(sources.reader(parked))
        self._journals: dict[str, list[Reader]] = {}
        for journal in self.system.manifest.journal:
            self._journals.setdefault(journal.node, []).append(sources.reader(journal))
        self._effects = self.system.expectation(Plan(system=self.system.name)).effects
        self._shared = any(process.url for process in self.system.manifest.process)
        self._last: dict[tuple[Kind, str], Any] = {}
        self._looking = asyncio.Lock()
        self._reading: defaultdict[int, asyncio.Lock] = defaultdict(asyncio.Lock)
        self.unread: dict[str, str] = {}
        """Edges and effects whose store gave no answer when it was asked last, and why."""
        self.absent: dict[str, str] = {}
        """Edges and effects whose table, file or stream did not exist when it was looked for last."""

    @property
    def sees_all(self) -> bool:
        """Every trigger of the graph has a reader: then "nothing pending" means that nobody will re-drive anything."""
        return self.system.triggered_edges <= set(self._pending)

    def _readers(self) -> Iterator[tuple[str, Reader]]:
        yield from self._rows.items()
        for several in (self._pending, self._parked, self._journals):
            yield from ((where, reader) for where, readers in several.items() for reader in readers)

    async def pending(self) -> list[str] | None:
        """Works with an undischarged trigger; None where a store could not be read just now."""
        found: list[str] = []
        for edge, readers in self._pending.items():
            works = [await self._read(edge, reader) for reader in readers]
            if None in works:
                return None
            held = [work for each in works if each for work in each]
            self._write_change(Kind.PENDING, edge, "works", held)
            found += held
        return found

    async def parked(self) -> None:
        """Writes down which works were given up."""
        for edge, readers in self._parked.items():
            works = [await self._read(edge, reader) for reader in readers]
            if None not in works:
                self._write_change(Kind.PARKED, edge, "works", [work for each in works if each for work in each])

    def is_parked(self, work: str) -> bool:
        """Whether a parking place held this work when it was read last."""
        return any(work in self._last.get((Kind.PARKED, edge), ()) for edge in self._parked)

    async def read_journal(self, effect: str) -> None:
        """Writes down which steps are durable, just before an effect of their node is attempted."""
        node = self.system.node_of_effect(effect)
        steps: dict[str, list[str]] = {}
        for reader in self._journals.get(node, ()):
            rows = await self._rows_of(node, reader)
            if rows is None:
                return
            for row in rows:
                steps.setdefault(self.scene.key_in(row), []).append(row.split()[-1])
        if node in self._journals:
            self._write_change(Kind.JOURNAL, node, "steps", steps)

    async def complete(self) -> bool:
        """Every accepted work is parked, or has each of its effects at least once.

        What is slow to read is read last, if at all.
        """
        await self.parked()
        looked_at = [effect for effect in self.system.downstream if effect not in self._rows]
        for effect in sorted(self._rows, key=self._is_slow):
            if self._is_slow(effect) and self._lacking(looked_at):
                return False
            if not await self._count(effect):
                return False
            looked_at.append(effect)
        return not self.incomplete()

    def _is_slow(self, effect: str) -> bool:
        return isinstance(self._rows[effect], Paced)

    async def _count(self, effect: str) -> bool:
        """Counts an effect that a store keeps; False where it could not be read."""
        works = await self._read(effect, self._rows[effect])
        if works is not None:
            self._write_change(Kind.ROWS, effect, "counts", dict(Counter(works)))
        return works is not None

    def incomplete(self) -> list[str]:
        """Accepted works that lack an effect, as far as is known now."""
        return self._lacking(self.system.downstream)

    def _lacking(self, effects: Iterable[str]) -> list[str]:
        asked, refused = set(effects), self._refused()
        return [
            work
            for work in self._accepted()
            if not self.is_parked(work) and self._lacks(work, asked, refused=work in refused)
        ]

    def _lacks(self, work: str, asked: set[str], *, refused: bool) -> bool:
        """One of the effects asked for is owed, and not there."""
        done = {effect.name for effect in self._effects if self._has(effect.name, work)}
        undone = is_undone(self._effects, done, refused=refused)
        return any(effect.name in asked - done for effect in owed(self._effects, done, undone=undone))

    def _refused(self) -> set[str]:
        """Works of which the world has refused an effect for good."""
        return {event.work for event in self.scene.history.of(Kind.ANSWERED) if event.data.get("refused")}

    def _has(self, effect: str, work: str) -> bool:
        if effect in self._rows:
            return bool(self._last.get((Kind.ROWS, effect), {}).get(work))
        return self.scene.counted("apply", effect, work) > 0

    def _accepted(self) -> list[str]:
        answers = self.scene.history.of(Kind.ANSWER)
        return list(dict.fromkeys(event.work for event in answers if event.data["outcome"] == "ok"))

    async def _read(self, where: str, reader: Reader) -> list[str] | None:
        rows = await self._rows_of(where, reader)
        return None if rows is None else [self.scene.key_in(text) for text in rows]

    async def _rows_of(self, where: str, reader: Reader) -> list[str] | None:
        """The rows of a reader as they are, but for those of others; None where they could not be read."""
        self.unread.pop(where, None)
        self.absent.pop(where, None)
        try:
            async with self._reading[id(reader)]:
                texts = await reader.read()
        except StoreUnreadable as error:
            self.unread[where] = str(error)
            return None
        if reader.absent:
            self.absent[where] = reader.absent
        return [text for text in texts if text not in self.scene.strays and not self._is_foreign(text)]

    def _is_foreign(self, text: str) -> bool:
        """What runs already may have others than us to serve: what names none of our works is theirs."""
        return self._shared and self.scene.key_in(text) == text

    def _write_change(self, kind: Kind, where: str, name: str, value: object) -> None:
        if self._last.get((kind, where)) != value:
            self._last[kind, where] = value
            data: dict[str, Any] = {name: value}
            self.scene.history.record(kind, where=where, **data)

    async def at_rest(self) -> None:
        """Writes down what the stores hold now, changed or not: the evidence that the checks judge by."""
        self._last.clear()
        await self.pending()
        await self.parked()
        for effect in self._rows:
            await self._count(effect)

    @property
    def can_look(self) -> bool:
        """Every trigger can be read, and there is one: then what no store holds has nobody who would drive it again."""
        return self.sees_all and bool(self.system.triggered_edges)

    async def look(self) -> None:
        """Reads every store once, the first that work passes first, and writes down what was there.

        Work that moves on meanwhile is found where it goes to, since it is set there before it is discharged here.
        """
        async with self._looking:
            since, held, rows = len(self.scene.history), dict[str, list[str]](), dict[str, dict[str, int]]()
            for edge in sorted(self._pending, key=self.system.order_of_edge):
                for reader in self._pending[edge]:
                    works = await self._read(edge, reader)
                    if works is None:
                        return
                    held.setdefault(edge, []).extend(works)
            for edge, readers in self._parked.items():
                for reader in readers:
                    held.setdefault(f"parked of {edge}", []).extend(await self._read(edge, reader) or ())
            for effect, reader in self._rows.items():
                works = await self._read(effect, reader)
                if works is None:
                    return
                rows[effect] = dict(Counter(works))
            self.scene.history.record(Kind.LOOK, since=since, held=held, rows=rows)

    def settle_s(self, bounds: Bounds, calibration: Calibration, *, last: bool) -> float:
        """How long the system must stay still before it counts as quiet.

        Where every store can be read and every work's end is known, an empty store is quiet enough, except at the end
        of a case: what a repeat set in motion may not have reached a store yet, so it gets twice the time that the
        fault-free run took from the answer to the last effect. Where nothing is repeated, the drain is that end.
        """
        if not self.sees_all or self._unknown():
            return bounds.settle_s(calibration)
        return 0.05 + 2 * calibration.lag_s if last or not calibration.repeats else 0.0

    def _unknown(self) -> bool:
        works = {event.work for event in self.scene.history.of(Kind.SUBMIT)}
        decided = {e.work for e in self.scene.history.of(Kind.ANSWER) if e.data["outcome"] != "unknown"}
        return bool(works - decided)

    def why_quiet(self, settling: Budget) -> str:
        """One line for the history."""
        seen = "nothing pending" if self.sees_all else "not every store can be read"
        return f"complete, {seen}, nothing in flight, still for {settling.limit_s:.3f} s"

    async def close(self) -> None:
        """Closes the readers."""
        for _, reader in self._readers():
            await reader.close()
