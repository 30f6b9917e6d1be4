"""What taps and world share during one case: the history, the armed points, the counts, the names of the works."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from harness.history import History
from harness.world.points import Points

__all__ = ["Human", "Scene"]


@dataclass(slots=True)
class Human:
    """Whoever waits for one piece of work, as far as a plan has something to say of him.

    answered: he knows what became of it. leaves: set when he shall stop waiting. gone: set when he waits no more.
    clicks: those that he makes beside the first, where he clicks twice, and that are under way.
    """

    answered: bool = False
    leaves: asyncio.Event = field(default_factory=asyncio.Event)
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    clicks: list[asyncio.Task[str]] = field(default_factory=list)


class Scene:
    """One case as the hops see it.

    history: where they write. points: where they wait. ids: work key of the plan (`w1`) -> id that is really sent.
    nonces: work key -> the value that the payload carries beside the id. strays: ids of earlier cases of this universe;
    a request that was on its way when its case ended is not this case's business. door_s: how long a tap waits for a
    callee that refuses connections because it is just being started.
    """

    def __init__(
        self,
        *,
        history: History,
        points: Points,
        ids: Mapping[str, str],
        nonces: Mapping[str, str],
        strays: Collection[str] = (),
        door_s: float = 0.0,
    ) -> None:
        self.history = history
        self.points = points
        self.ids = dict(ids)
        self.nonces = nonces
        self.strays = strays
        self.door_s = door_s
        self.deaths: Counter[str] = Counter()
        """How often each process was killed so far: a call held over its caller's death is dropped."""
        self.humans: defaultdict[str, Human] = defaultdict(Human)
        """By work key, whoever waits for it."""
        self.silent: Counter[str] = Counter()
        """Links whose replies are just being black-holed: their hops must not close, or silence would have an end."""
        self.results: dict[str, tuple[str, str]] = {}
        """What applications have yielded so far: the nonce of each -> its effect and work."""
        self.failing: Counter[tuple[str, str]] = Counter()
        """Effect and work for which the partner answers with an error just now."""
        self._keys = {sent: key for key, sent in ids.items()}
        self._counts: Counter[tuple[str, str, str]] = Counter()

    @property
    def sent(self) -> Collection[str]:
        """Every id that works of this case were or will be sent under."""
        return self._keys.keys()

    def new_id(self, work: str) -> str:
        """From now on this work is sent under another id; it is the same piece of work only for who knows better."""
        self.ids[work] = f"{self.ids[work]}-again"
        self._keys[self.ids[work]] = work
        return self.ids[work]

    def key_of(self, sent_id: str) -> str:
        """The plan's key of a work id seen on the wire; an id that was never sent stays as it is."""
        return self._keys.get(sent_id, sent_id)

    def key_in(self, text: str) -> str:
        """The plan's key of the work id that a text of a store is, or contains; a text without one stays as it is."""
        exact = self._keys.get(text)
        return exact or next((key for sent, key in self._keys.items() if sent in text), text)

    def keys_named_in(self, text: str) -> list[str]:
        """The plan's keys of all works that a text names, by their id or by their nonce."""
        return [key for key, sent in self.ids.items() if sent in text or self.nonces[key] in text]

    def borrowed(self, text: str, work: str) -> list[str]:
        """The other works whose result of an effect stands in a text about this work, where its own one does not."""
        found = [at for nonce, at in self.results.items() if nonce in text] if work in self.ids else []
        own = {effect for effect, of in found if of == work}
        return sorted({of for effect, of in found if of != work and effect not in own})

    def count(self, what: str, where: str, work: str) -> int:
        """The ordinal of one more arrival of `work` there, from 1."""
        self._counts[what, where, work] += 1
        return self._counts[what, where, work]

    def counted(self, what: str, where: str, work: str) -> int:
        """How many arrivals there were so far."""
        return self._counts[what, where, work]
