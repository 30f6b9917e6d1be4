"""The client at the edge: submits work through a link and plays whoever stands behind it.

A human or a calling service waits for the answer and tries again with the same key until he has one. With nobody behind
it a submit is tried once, and what came back is all that is known: `ok`, `rejected` (surely did not happen), `unknown`.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Mapping
from dataclasses import dataclass

import httpx

from harness.history import Kind
from harness.manifest.model import Submit
from harness.manifest.placeholders import fill
from harness.world.scene import Scene

__all__ = ["Client"]

FIRST_PAUSE_S = 0.02
LONGEST_PAUSE_S = 0.2


@dataclass(slots=True, kw_only=True)
class Client:
    """Submits the works of one case.

    http: shared by the cases of a universe. address: the proxy in front of the submitted node.
    most_tries: how often one piece of work is tried at most; None: until it is answered.
    """

    http: httpx.AsyncClient
    address: str
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
        await self.scene.points.reach("submit", "", work, n)
        outcome, status, detail = await self._send(work)
        self.scene.history.record(
            Kind.ANSWER, work=work, where=self.link, n=n, outcome=outcome, status=status, detail=detail
        )
        await self.scene.points.reach("answer", "", work, n)
        return outcome

    async def _send(self, work: str) -> tuple[str, int | None, str]:
        request = self.submit.request
        assert request is not None, "the manifest was read for running"
        values = {"work": self.scene.ids[work], "nonce": self.scene.nonces[work]}
        headers: Mapping[str, str] = {"X-Work-Id": values["work"], **fill(request.headers, values)}
        try:
            async with asyncio.timeout(self.patience_s):
                answer = await self.http.request(
                    request.method,
                    self.address + fill(request.path, values),
                    json=fill(request.json_, values) if request.json_ is not None else None,
                    headers=headers,
                )
        except TimeoutError:
            return "unknown", None, f"no answer within {self.patience_s:g} s"
        except httpx.HTTPError as error:
            return "unknown", None, _in_words(error)
        if answer.status_code in self.submit.accepted:
            return "ok", answer.status_code, ""
        outcome = "rejected" if answer.status_code in self.submit.rejected else "unknown"
        return outcome, answer.status_code, answer.text[:200]


def _in_words(error: httpx.HTTPError) -> str:
    if isinstance(error, httpx.ConnectError):
        return "connection refused"
    if isinstance(error, httpx.RemoteProtocolError):
        return "connection closed without an answer"
    return f"connection broke: {type(error).__name__}"
