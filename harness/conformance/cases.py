"""The tests of `retrigger run`: one per plan, or per number of random plans. Found by name, never by collection."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from harness.conformance.campaign import Chunk
from harness.conformance.worker import Record, Worker
from harness.plans.model import Plan
from harness.plans.strategies import plans


def test_plan(chunk: Chunk, retrigger_worker: Worker, record_property: Record) -> None:
    """Inside every responsibility boundary, work completes exactly once under this plan."""
    if retrigger_worker.out_of_time:
        pytest.skip("the budget is spent")
    if chunk.plan is not None:
        retrigger_worker.run(chunk.plan, record_property).raise_for_outcome()
    else:
        explore(chunk, retrigger_worker, record_property)


def explore(chunk: Chunk, worker: Worker, record_property: Record) -> None:
    """Lets Hypothesis draw plans; a plan's verdict is remembered, so that it always sees a function of the plan."""

    @seed(chunk.seed)
    @settings(
        max_examples=chunk.examples,
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
        print_blob=False,
    )
    @given(plans(worker.system(chunk.system).manifest, worker.path(chunk.system)))
    def holds(plan: Plan) -> None:
        worker.run(plan, record_property).raise_for_outcome(skip=False)

    holds()
