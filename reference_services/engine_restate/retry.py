"""How the engine tries a function again: at an even pace and without end, where its default is to pause it some day."""

from __future__ import annotations

from datetime import timedelta

import restate

from reference_services.settings import seconds

__all__ = ["RETRY"]

_PAUSE = timedelta(seconds=seconds("RETRY_S", 1.0))

_FOR_EVER = 2**31 - 1
"""Restate's own limit is 70 attempts, after which an invocation waits for a person: with short pauses, soon."""

RETRY = restate.InvocationRetryPolicy(
    initial_interval=_PAUSE, max_interval=_PAUSE, exponentiation_factor=1.0, max_attempts=_FOR_EVER
)
