"""How many workers `-n auto` is: as many as pay."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from harness.cli.session import WORTH_A_WORKER, paying_workers
from harness.conformance.campaign import Campaign

PATTERNS = Path(__file__).parents[2] / "patterns"


def workers(pattern: str, examples: int) -> int:
    """What `auto` comes to for so many random plans."""
    campaign = Campaign(manifests=(str(PATTERNS / pattern),), explore="random", examples=examples)
    systems = campaign.systems()
    return paying_workers(systems, campaign.chunks(systems))


def test_more_than_two_workers_a_core_wait_for_a_campaign_long_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """Their set-up must be earned; and brokers of their own are never started for it."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})
    assert workers("callee_inbox", 4 * WORTH_A_WORKER) == 4
    assert workers("callee_inbox", 6 * WORTH_A_WORKER) == 6
    assert workers("callee_inbox", 100 * WORTH_A_WORKER) == 8
    assert workers("caller_queue", 100 * WORTH_A_WORKER) == 4
