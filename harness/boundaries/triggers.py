"""Reliable triggers: what is recorded, who drives it again, and when it is not what it claims to be.

A trigger owns the work downstream of it from the instant it is *set* until the instant it is *discharged*. A
declaration that breaks one of the rules below owns nothing at all, whatever it is called; `Trigger.flaw` says which
rule. Read `harness.boundaries.derive` next: there triggers become owners.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

__all__ = ["Trigger"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """A durable record of an invocation, plus something that re-drives it.

    kind: queue, topic, inbox, outbox, timer, engine, rpc, human or caller.
    placement: who sets it: caller, callee, engine, or root (whoever stands at the edge of the graph).
    detect: how a death is noticed; `patience` is a person or client who waits and tries again.
    max_detect_s: longest delay until it is noticed, in seconds.
    backoff_max_s: longest pause between two attempts, in seconds.
    attempts: how often it is tried in all; None means without limit.
    lease_s: how long an attempt may hold the work before another may take it, in seconds; None means no lease.
    work_s: longest time that one execution of the target takes, in seconds.
    dedupe_s: how long the target recognises the key, in seconds; infinite where it never forgets.
    durable: the record survives the crash of its store.
    acknowledged: `after_set` or `before_set`.
    discharged: `after_work` or `before_work`.
    redriven: something drives it again after a failure.
    waits: a human or caller waits for the answer; says nothing for other kinds.
    key: `stable` over all attempts, or new `per_attempt`.
    fenced: an attempt that lost its lease can no longer act.
    """

    kind: str
    placement: str
    detect: str = "poll"
    max_detect_s: float = 1.0
    backoff_max_s: float = 0.0
    attempts: int | None = None
    lease_s: float | None = None
    work_s: float = 0.0
    dedupe_s: float = math.inf
    durable: bool = True
    acknowledged: str = "after_set"
    discharged: str = "after_work"
    redriven: bool = True
    waits: bool = True
    key: str = "stable"
    fenced: bool = True

    @property
    def is_person(self) -> bool:
        """True for whoever re-drives by calling again, and may give up: a human or a client program."""
        return self.kind in ("human", "caller")

    @property
    def flaw(self) -> str:
        """Why this trigger owns nothing, or empty where it is effective."""
        if self.acknowledged == "before_set":
            return "it is acknowledged before it is set"
        if not self.durable:
            return "its record does not survive a crash of its store"
        if not self.redriven:
            return "nothing drives it again"
        if self.discharged == "before_work":
            return "it is discharged before the work is done"
        return self._flaw_of_a_person if self.is_person else ""

    @property
    def _flaw_of_a_person(self) -> str:
        if not self.waits:
            return f"the {self.kind} does not wait for the answer"
        # A click with a new key is a new piece of work: the first one is never driven again.
        return "each click is a new key, so the first work is never driven again" if self.key != "stable" else ""

    @property
    def round_s(self) -> float:
        """Longest time from a death to the next attempt, in seconds."""
        return self.max_detect_s + self.backoff_max_s

    @property
    def outage_s(self) -> float:
        """Longest outage that the attempts outlast, in seconds; infinite without a limit on attempts."""
        return math.inf if self.attempts is None else (self.attempts - 1) * self.round_s

    @property
    def redelivery_s(self) -> float:
        """Time from a first use of the key until it may be used again, in seconds.

        With finitely many attempts the last one counts. Without a limit any finite time can be outlived by a long
        enough outage, so the declared one round is what a dedupe lifetime has to survive at least.
        """
        rounds = 1 if self.attempts is None else self.attempts - 1
        return rounds * (self.work_s + self.round_s)
