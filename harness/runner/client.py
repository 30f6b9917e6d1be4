"""The client at the edge: submits work through a link and plays whoever stands behind it.

A human or a calling service waits for the answer and tries again with the same key until he has one. With nobody behind
it a submit is tried once, and what came back is all that is known: `ok`, `rejected` (surely did not happen), `unknown`.
"""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import dataclass

from harness.history import Kind
from harness.manifest.model import Submit
from harness.runner.entry import Entry, Outcome
from harness.stores import Unconfirmed
from harness.world.content import fingerprint
from harness.world.scene import Scene

__all__ = ["Client"]

FIRST_PAUSE_S = 0.02
LONGEST_PAUSE_S = 0.2


@dataclass(slots=True, kw_only=True)
class Client:
    """Submits the works of one case.

    entry: the way in. submit: what the manifest says of it. link: the arrow that the works travel on.
    most_tries: how often one piece of work is tried at most; None: until it is answered.
    """

    entry: Entry
    submit: Submit
    scene: Scene
    link: str
    most_tries: int | None = None

    @property
    def patience_s(self) -> float:
        """How long one try waits for its answer."""
        patient = self.submit.patience_s if self.submit.root == "human" else None
        return patient or self.submit.timeout_s

    async def work(self, work: str) -> str:
        """Submits one piece of work until it is answered, or once where nobody waits for it; returns the outcome."""
        pause_s = FIRST_PAUSE_S
        for tries in itertools.count(1):
            outcome = await self.once(work)
            if outcome != "unknown" or self.submit.root == "none" or tries == self.most_tries:
                return outcome
            await asyncio.sleep(pause_s)  # a pause between two clicks decides nothing
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
        raise AssertionError("the loop has no end of its own")

    async def once(self, work: str) -> str:
        """One try, whatever becomes of it."""
        n = self.scene.count("submit", self.link, work)
        self.scene.history.record(Kind.SUBMIT, work=work, where=self.link, n=n, nonce=self.scene.nonces[work])
        answer = await self._try(work, n)
        self.scene.history.record(
            Kind.ANSWER,
            work=work,
            where=self.link,
            n=n,
            outcome=answer.outcome,
            status=answer.status,
            detail=answer.detail,
            late=answer.late,
            payload=fingerprint(answer.body),
            about=self.scene.keys_named_in(answer.body.decode(errors="replace")),
        )
        await self.scene.points.reach("answer", "", work, n)
        return answer.outcome

    async def _try(self, work: str, n: int) -> Outcome:
        values = {"work": self.scene.ids[work], "nonce": self.scene.nonces[work]}
        try:
            async with self.entry.open(self.patience_s) as send:
                await self.scene.points.reach("submit", "", work, n)
                return await send(values)
        except Unconfirmed as error:
            return Outcome(outcome="unknown", detail=str(error))
