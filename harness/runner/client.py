"""The client at the edge: submits work through a link and plays whoever stands behind it.

A human or a calling service waits for the answer and tries again with the same key until he has one. With nobody behind
it a submit is tried once, and what came back is all that is known: `ok`, `rejected` (surely did not happen), `unknown`.

Where a plan says so the human is less patient: he clicks twice, gives up, or takes a new key for his next click.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

from harness.history import Kind
from harness.manifest.model import Submit
from harness.runner.entry import Entry, Outcome
from harness.stores import Unconfirmed
from harness.world.content import fingerprint
from harness.world.points import Directive
from harness.world.scene import Human, Scene

__all__ = ["Client"]

FIRST_PAUSE_S = 0.02
LONGEST_PAUSE_S = 0.2
GAVE_UP = Outcome(outcome="unknown", detail="gave up waiting")


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
        human = self.scene.humans[work] = Human()
        try:
            return await self._until_answered(work, human)
        finally:
            human.gone.set()

    async def _until_answered(self, work: str, human: Human) -> str:
        pause_s = FIRST_PAUSE_S
        for tries in itertools.count(1):
            outcome = await self._click(work, human)
            if outcome != "unknown":
                return outcome
            if human.leaves.is_set():
                self.scene.history.record(Kind.GIVE_UP, work=work, where=self.link, n=tries, why="without an answer")
                return outcome
            if self.submit.root == "none" or tries == self.most_tries:
                return outcome
            await asyncio.sleep(pause_s)  # a pause between two clicks decides nothing
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
        raise AssertionError("the loop has no end of its own")

    async def _click(self, work: str, human: Human) -> str:
        """One try, and where he clicks twice a second one at the same time; what either of them learnt for sure."""
        try:
            outcomes = [await self.once(work)]
            while human.clicks:
                outcomes.append(await human.clicks.pop())
        finally:
            for click in human.clicks:
                click.cancel()
            human.clicks.clear()
        return next((outcome for outcome in outcomes if outcome != "unknown"), "unknown")

    async def once(self, work: str) -> str:
        """One try, whatever becomes of it."""
        n = self.scene.count("submit", self.link, work)
        self.scene.history.record(Kind.SUBMIT, work=work, where=self.link, n=n, nonce=self.scene.nonces[work])
        human = self.scene.humans[work]
        answer = await _unless_he_leaves(human, self._try(work, n))
        human.answered = human.answered or answer.outcome != "unknown"
        said = answer.body.decode(errors="replace")
        borrowed = self.scene.borrowed(said, work)
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
            about=self.scene.keys_named_in(said),
            **({"borrowed": borrowed} if borrowed else {}),
        )
        await self.scene.points.reach("answer", "", work, n)
        return answer.outcome

    async def _try(self, work: str, n: int) -> Outcome:
        try:
            async with self.entry.open(self.patience_s) as send:
                if await self.scene.points.reach("submit", "", work, n) is Directive.TWICE:
                    self.scene.humans[work].clicks.append(asyncio.create_task(self.once(work)))
                return await send({"work": self.scene.ids[work], "nonce": self.scene.nonces[work]})
        except Unconfirmed as error:
            return Outcome(outcome="unknown", detail=str(error))


async def _unless_he_leaves(human: Human, trying: Coroutine[Any, Any, Outcome]) -> Outcome:
    """What a try came to; unknown as soon as he leaves, which ends his connection."""
    tasks = (asyncio.ensure_future(trying), asyncio.ensure_future(human.leaves.wait()))
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        return tasks[0].result() if tasks[0].done() else GAVE_UP
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
