"""What the runner knows of completeness: effects counted by the world or a store, and triggers not yet discharged."""

from __future__ import annotations

from harness.history import Kind
from harness.runner.budget import Bounds, Budget, Calibration
from harness.runner.universe import Universe
from harness.stores import Reader, StoreUnreadable

__all__ = ["Ledger"]


class Ledger:
    """Reads the evidence of one case, and writes it to the history when it changes."""

    def __init__(self, universe: Universe) -> None:
        assert universe.scene is not None
        self.system = universe.system
        self.scene = universe.scene
        self._pending: dict[str, Reader] = {p.edge: universe.reader(p) for p in self.system.manifest.pending}
        self._rows: dict[str, Reader] = {e.name: universe.reader(e.sql) for e in self.system.sql_effects if e.sql}
        self._last: dict[str, object] = {}

    @property
    def sees_all(self) -> bool:
        """Every trigger of the graph has a reader, so that "nothing pending" means that nobody will re-drive anything."""
        return self.system.triggered_edges <= set(self._pending)

    async def pending(self) -> list[str] | None:
        """Works with an undischarged trigger; None where a store could not be read just now."""
        found: list[str] = []
        for edge, reader in self._pending.items():
            works = await self._read(reader)
            if works is None:
                return None
            self._write_change(Kind.PENDING, edge, "works", works)
            found += works
        return found

    async def complete(self) -> bool:
        """Every accepted work has each of its effects at least once."""
        counts = await self.count_rows()
        if counts is None:
            return False
        return not self.incomplete()

    async def count_rows(self) -> dict[str, dict[str, int]] | None:
        """Counts the effects that stores keep; None where one could not be read."""
        for effect, reader in self._rows.items():
            works = await self._read(reader)
            if works is None:
                return None
            counts = {work: works.count(work) for work in dict.fromkeys(works)}
            self._write_change(Kind.ROWS, effect, "counts", counts)
        return {effect: dict(self._last.get(f"rows {effect}", {})) for effect in self._rows}  # type: ignore[call-overload]

    def incomplete(self) -> list[str]:
        """Accepted works that lack an effect, as far as is known now."""
        return [work for work in self._accepted() if not all(self._has(effect, work) for effect in self.system.downstream)]

    def _has(self, effect: str, work: str) -> bool:
        if effect in self._rows:
            counts = self._last.get(f"rows {effect}", {})
            return isinstance(counts, dict) and counts.get(work, 0) > 0
        return self.scene.counted("apply", effect, work) > 0

    def _accepted(self) -> list[str]:
        answers = self.scene.history.of(Kind.ANSWER)
        return list(dict.fromkeys(event.work for event in answers if event.data["outcome"] == "ok"))

    async def _read(self, reader: Reader) -> list[str] | None:
        try:
            return [self.scene.key_of(sent_id) for sent_id in await reader.read()]
        except StoreUnreadable:
            return None

    def _write_change(self, kind: Kind, where: str, name: str, value: object) -> None:
        key = f"{kind.value} {where}"
        if self._last.get(key) != value:
            self._last[key] = value
            self.scene.history.record(kind, where=where, **{name: value})

    def settle_s(self, bounds: Bounds, calibration: Calibration) -> float:
        """How long the system must stay still: longer where stores cannot be read, and where a work's end is unknown."""
        return 2 * calibration.lag_s if self.sees_all and not self._unknown() else bounds.settle_s(calibration)

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
        for reader in (*self._pending.values(), *self._rows.values()):
            await reader.close()
