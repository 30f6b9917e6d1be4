"""Order, payment, shipping in three forms: each holds under refusal and kills, and each is undone by its own owners."""

from __future__ import annotations

from pathlib import Path

import pytest

import patterns
from harness.checks import Verdict, figures_of
from harness.history import Kind
from harness.network import find_server
from harness.plans.common import TERMS
from harness.plans.gaps import plan_of
from harness.plans.model import Plan, parse_fault
from harness.runner.stage import Judged, Stage
from harness.runner.system import System, open_system

pytestmark = pytest.mark.anyio
FOLDER = Path(patterns.__file__).parent
UNDOING = {
    "process_choreography": ['queue of "refunds", kept in broker', 'queue of "cancellations", kept in broker'],
    "process_mix": ['queue of "undo", kept in broker'],
    "process_orchestration": ['inbox of "fulfil", kept in sales'],
}
"""Whom one would have to ask when the carrier has refused: as many as there are owners of the way back."""

HASTY = """
import reference_services.process.saga as saga
from reference_services.peer import CallFailed

class Hasty(saga.SagaLog):
    def step(self, order, name, peer, path):
        try:
            return super().step(order, name, peer, path)
        except CallFailed:
            return saga.REJECTED

saga.SagaLog = Hasty
from reference_services.process_orchestration.sales import app
"""
"""A saga that takes every failure for a refusal."""

FORGETFUL = HASTY.replace("try:", 'if name == "refund":\n            return ""\n        try:')
"""A saga that, besides, never refunds."""


def planned(system: System, *faults: str) -> Plan:
    """A plan of these faults."""
    return plan_of(system.manifest, *map(parse_fault, faults))


def applied(judged: Judged, work: str = "w1") -> list[str]:
    """The effects of a piece of work before anything was replayed, in order."""
    events = judged.run.history.events
    end = next(place for place, event in enumerate(events) if event.kind in (Kind.QUIET, Kind.DEADLINE))
    return [event.where for event in events[:end] if event.kind is Kind.APPLY and event.work == work]


async def test_a_refusal_is_compensated_exactly_in_all_three_forms() -> None:
    """Three systems in one worker, two of them with a `broker`: never shipped, refunded and cancelled once."""
    systems = [open_system(FOLDER / name) for name in UNDOING]
    refused = next(term for term in TERMS if term.name == "refused")
    async with Stage(find_server(), systems) as stage:
        for system in systems:
            plan = refused.plan(system.manifest)
            assert isinstance(plan, Plan)
            judged = await stage.run(plan)
            assert judged.outcome is Verdict.HOLDS, judged.verdict.why
            assert applied(judged) == ["reserve", "charge", "refund", "cancel"]
            assert applied(judged, "w2") == ["reserve", "charge", "ship"]
            figures = figures_of(judged.run.history)
            assert figures is not None
            assert figures.undone
            assert list(figures.workflows[0].ask) == UNDOING[system.name]


@pytest.mark.parametrize("name", ["process_choreography", "process_orchestration"])
async def test_a_kill_in_the_middle_of_a_compensation_refunds_once(name: str) -> None:
    """The refund has been made, and whoever made it dies before anybody knows."""
    system = open_system(FOLDER / name)
    async with Stage(find_server(), [system]) as stage:
        judged = await stage.run(
            planned(system, "reject shipping->world @recv ship w1", "kill payments @applied refund w1")
        )
    assert judged.outcome is Verdict.HOLDS, judged.verdict.why
    assert len(judged.landed) == 2
    assert applied(judged) == ["reserve", "charge", "refund", "cancel"]


@pytest.mark.parametrize(
    ("service", "fault", "code"),
    [
        (HASTY, "cut reply shipping->world @recv ship w1", "RT113"),
        (FORGETFUL, "reject shipping->world @recv ship w1", "RT101"),
    ],
)
async def test_a_wrong_saga_is_caught(tmp_path: Path, service: str, fault: str, code: str) -> None:
    """Unknown taken for refused: shipped and refunded. A refund forgotten: charged for nothing."""
    (tmp_path / "broken_sales.py").write_text(service, encoding="utf-8")
    text = (FOLDER / "process_orchestration" / "retrigger.toml").read_text(encoding="utf-8")
    text = text.replace("reference_services.process_orchestration.sales:app", "broken_sales:app")
    (tmp_path / "retrigger.toml").write_text(text, encoding="utf-8")
    system = open_system(tmp_path)
    async with Stage(find_server(), [system]) as stage:
        judged = await stage.run(planned(system, fault))
    assert judged.outcome is Verdict.VIOLATED, judged.verdict.why
    assert code in {violation.code for violation in judged.verdict.violations}
