"""The world: the outside partner that services call for their effects.

It writes every attempt, and every application, with its own clock before it dedupes, so that no service can fake an
effect or hide one. `keyed` endpoints give a repeated key the first answer again; `plain` ones apply every attempt.
Two rendezvous on any service in any language: `recv` (received, not applied) and `applied` (applied, the answer
withheld). A call that is held while its caller is killed is dropped, never applied: otherwise "before the effect" would
silently become "after it". An effect that a plan has refused once stays refused for that work: the partner has decided.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from harness.history import Kind
from harness.manifest.copies import declared_name
from harness.world.content import fingerprint
from harness.world.http import Request, json_answer
from harness.world.points import Directive
from harness.world.scene import Scene

__all__ = ["Endpoint", "World"]

REFUSED = 422
"""The status of an answer that says: it did not and will not happen."""

Clock = Callable[[], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One effect that the world offers.

    effect: its name. sink: `keyed` dedupes by idempotency key, `plain` applies every attempt.
    retention_s: how long a key is remembered; None: for ever.
    """

    effect: str
    sink: str = "keyed"
    retention_s: float | None = None


class World:
    """The partner in one case.

    Args:
        scene: history, points and counts of the case.
        endpoints: path -> endpoint. An undeclared path is an effect of that name, keyed.
        clock: seconds, for the retention of keys.
    """

    def __init__(self, scene: Scene, endpoints: Mapping[str, Endpoint], clock: Clock) -> None:
        self.scene = scene
        self.endpoints = endpoints
        self.clock = clock
        self.before: Callable[[str], Awaitable[None]] | None = None
        """Called with the effect before an attempt is written down, while its caller waits."""
        self._poisoned: set[tuple[str, str]] = set()
        self._first: dict[tuple[str, str], tuple[float, dict[str, Any]]] = {}
        self._refused: set[tuple[str, str]] = set()

    async def handle(self, caller: str, request: Request) -> bytes | None:
        """Answers one call of process `caller`, or drops it. Only a POST asks for an effect: a look changes nothing."""
        if request.method != "POST":
            return json_answer(405, {"error": "effects are asked for with POST"})
        scene, body = self.scene, request.json()
        request.arrival.link = f"{caller}->world"
        fields = body if isinstance(body, dict) else {}
        endpoint = self.endpoints.get(request.path) or Endpoint(effect=request.path.strip("/"))
        sent_id = request.headers.get("x-work-id") or str(fields.get("id") or fields.get("work") or "")
        key = request.headers.get("idempotency-key", "")
        if sent_id in scene.strays:
            return None
        work, effect = scene.key_of(sent_id), endpoint.effect
        if self.before:
            await self.before(effect)
        n, deaths = scene.count("attempt", effect, work), scene.deaths[caller]
        scene.history.record(
            Kind.ATTEMPT,
            work=work,
            where=effect,
            n=n,
            key=key,
            process=declared_name(caller),
            payload=fingerprint(request.body),
            **self._carried(request, work),
        )
        directive = await scene.points.reach("recv", effect, work, n, request.arrival)
        died = scene.deaths[caller] > deaths and directive is not Directive.LATE
        if directive is Directive.DROP or died:
            scene.history.record(Kind.DROP, work=work, where=effect, n=n, process=declared_name(caller))
            return None
        if directive is Directive.POISON:
            self._poisoned.add((effect, work))
        if (effect, work) in self._poisoned or scene.failing[effect, work]:
            scene.history.record(Kind.ANSWERED, work=work, where=effect, n=n, first=False, status=500)
            return json_answer(500, {"error": f"{effect} fails for this work"})
        if directive is Directive.REFUSE or (effect, work) in self._refused:
            self._refused.add((effect, work))
            scene.history.record(Kind.ANSWERED, work=work, where=effect, n=n, first=False, status=REFUSED, refused=True)
            return json_answer(REFUSED, {"effect": effect, "work": sent_id, "refused": True})
        answer, first = self._apply(endpoint, work, key, n, sent_id, fields, caller)
        directive = await scene.points.reach("applied", effect, work, n, request.arrival)
        if directive is Directive.DROP or scene.deaths[caller] > deaths:
            return None
        scene.history.record(
            Kind.ANSWERED, work=work, where=effect, n=n, nonce=answer["nonce"], first=first, status=200
        )
        return json_answer(200, answer | {"first": first})

    def _carried(self, request: Request, work: str) -> dict[str, Any]:
        """What an attempt carries beside itself: results of earlier steps, and the claim under which it is made."""
        results = self.scene.results
        body = request.body.decode(errors="replace") if results else ""
        uses = {effect: nonce for nonce, (effect, of) in results.items() if of == work and nonce in body}
        borrowed = self.scene.borrowed(body, work)
        epoch = request.headers.get("x-fencing-token", "")
        carried: dict[str, Any] = {"uses": uses} if uses else {}
        carried |= {"borrowed": borrowed} if borrowed else {}
        return carried | ({"epoch": int(epoch)} if epoch.isdigit() else {})

    def _apply(
        self, endpoint: Endpoint, work: str, key: str, n: int, sent_id: str, fields: dict[str, Any], caller: str
    ) -> tuple[dict[str, Any], bool]:
        """Applies the effect unless its key was seen; returns the answer and whether this attempt was the first."""
        known = self._first.get((endpoint.effect, key)) if key and endpoint.sink == "keyed" else None
        if known and (endpoint.retention_s is None or self.clock() - known[0] < endpoint.retention_s):
            return known[1], False
        nonce = secrets.token_hex(4)
        answer = {"effect": endpoint.effect, "work": sent_id, "nonce": nonce}
        self.scene.results[nonce] = (endpoint.effect, work)
        count = self.scene.count("apply", endpoint.effect, work)
        data = {"key": key, "nonce": nonce, "attempt": n, "process": declared_name(caller)}
        if "nonce" in fields:
            data["payload_nonce"] = str(fields["nonce"])
        self.scene.history.record(Kind.APPLY, work=work, where=endpoint.effect, n=count, **data)
        if key and endpoint.sink == "keyed":
            self._first[endpoint.effect, key] = (self.clock(), answer)
        return answer, True
