"""Every placement as a pattern: the boundaries that follow from its manifest, and what one fault makes run again.

The rows below are what the model predicts for these faults (`retrigger boundaries --fault`, shown in the pages under
`docs/placements/`), counted by the world while real processes die.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import patterns
from harness.boundaries.derive import Boundaries, derive
from harness.checks import Verdict
from harness.errors import SetupError
from harness.history import Kind
from harness.manifest.graph import graph_of
from harness.manifest.load import load
from harness.runner.stage import Judged
from harness.runner.system import open_system
from tests.runner.rehearsal import Rehearsal, rehearsing

ROOM = Path(patterns.__file__).parent
BOUNDARIES = {
    "callee_inbox_postgres": {"human:orders": "orders", "inbox:payments": "payments"},
    "caller_rpc": {"human:orders": "orders", "rpc:payments": "payments"},
    "caller_topic": {"human:orders": "orders", "topic:payments": "payments", "topic:mails": "mails"},
    "progress_log": {"human:orders": "orders", "inbox:fulfil": "fulfil"},
    "progress_reexec": {"human:orders": "orders", "inbox:fulfil": "fulfil"},
    "upstream_no_root": {},
    "upstream_queue": {"queue:orders": "orders payments"},
    "upstream_retries": {"human:orders": "orders payments"},
    "upstream_service": {"human:orders": "orders", "inbox:worker": "worker payments"},
}
"""Of each pattern: its triggers, and what each of them executes again."""


def boundaries(name: str) -> Boundaries:
    """What follows from the manifest of a pattern."""
    return derive(graph_of(load(ROOM / name)))


@pytest.mark.parametrize("name", BOUNDARIES)
def test_the_boundaries_of_a_placement_follow_from_its_manifest(name: str) -> None:
    """Who is driven again by whom, and nobody is left out, except where that is the point."""
    found = boundaries(name)
    assert {each.name: " ".join(each.nodes) for each in found.boundaries} == BOUNDARIES[name]
    assert found.unowned == (("orders", "payments") if name == "upstream_no_root" else ())


def test_a_retry_changes_no_boundary() -> None:
    """The same services with and without somebody at the root: only the root decides who owns them."""
    assert boundaries("upstream_retries").owner == {"orders": "human:orders", "payments": "human:orders"}
    assert boundaries("upstream_no_root").owner == {"orders": None, "payments": None}


@contextmanager
def on_stage(name: str) -> Iterator[Rehearsal]:
    """A pattern, opened once; skipped where its server is not installed."""
    try:
        with rehearsing(open_system(ROOM / name)) as rehearsal:
            yield rehearsal
    except SetupError as error:
        pytest.skip(f"{error.problems[0].what}: {error.problems[0].fix}")


def attempts(judged: Judged, kind: Kind = Kind.ATTEMPT) -> dict[str, int]:
    """How often each effect of w1 was attempted until all was quiet; or, of deliveries, how often each node was."""
    history = judged.run.history
    ends = [event.at_s for event in (*history.of(Kind.QUIET), *history.of(Kind.DEADLINE))]
    seen = [event for event in history.of(kind) if event.work == "w1" and event.at_s <= min(ends)]
    return dict(Counter(event.data["node"] if kind is Kind.DELIVER else event.where for event in seen))


def again(judged: Judged, kind: Kind = Kind.ATTEMPT) -> set[str]:
    """Which of them came more than once. How often, depends on how long whoever died takes to be back."""
    return {name for name, count in attempts(judged, kind).items() if count > 1}


def holds(rehearsal: Rehearsal, *faults: str) -> Judged:
    """Runs a plan whose faults land and which does no harm."""
    judged = rehearsal.run(*faults)
    assert (judged.outcome, judged.error) == (Verdict.HOLDS, ""), judged.verdict.why
    return judged


def test_a_dead_reader_of_a_topic_reads_on_and_the_other_group_notices_nothing() -> None:
    """The position was not committed, so the order comes again; the mails have a position of their own."""
    with on_stage("caller_topic") as topic:
        assert attempts(holds(topic, "kill payments @applied charge w1")) == {"charge": 2, "mail": 1}
        assert attempts(holds(topic, "kill mails @recv mail w1")) == {"charge": 1, "mail": 2}


def test_a_call_whose_answer_is_lost_is_made_again_by_its_row() -> None:
    """The caller dies with the answer in its hands, or never sees it: the row is still there, and so is the key."""
    with on_stage("caller_rpc") as rpc:
        for fault in ("kill orders @reply payments w1", "cut reply orders->payments @deliver payments w1"):
            judged = holds(rpc, fault)
            assert attempts(judged, Kind.DELIVER) == {"orders": 1, "payments": 2}


def test_a_row_lock_ends_with_its_worker_and_survives_its_server() -> None:
    """Killed after the charge: the server frees the row. Killed itself, it comes back with every row it confirmed."""
    with on_stage("callee_inbox_postgres") as inbox:
        assert attempts(holds(inbox, "kill worker @applied charge w1")) == {"charge": 2}
        assert attempts(holds(inbox, "kill database @recv charge w1")) == {"charge": 2}


def test_a_message_owns_everything_that_its_consumer_waits_for() -> None:
    """A death at the leaf is repaired from the root: the whole boundary runs again."""
    with on_stage("upstream_queue") as queue:
        assert again(holds(queue, "kill payments @recv charge w1")) == {"reserve", "charge"}
        assert attempts(holds(queue, "cut reply payments->world @recv charge w1")) == {"reserve": 2, "charge": 2}
        assert attempts(holds(queue, "kill orders @applied reserve w1")) == {"reserve": 2, "charge": 1}


def test_an_inbox_row_of_one_service_owns_the_work_of_another() -> None:
    """Payments dies, and the worker's row drives it again; orders, which is another boundary, is left alone."""
    with on_stage("upstream_service") as service:
        assert again(holds(service, "kill payments @applied charge w1"), Kind.DELIVER) == {"payments"}
        assert again(holds(service, "kill worker @reply payments w1"), Kind.DELIVER) == {"payments"}


def test_retries_in_place_narrow_what_runs_again_as_long_as_the_caller_lives() -> None:
    """A dead leaf is called again by its caller; a dead caller only by the human, from the top."""
    with on_stage("upstream_retries") as retries:
        assert attempts(holds(retries, "kill payments @recv charge w1")) == {"reserve": 1, "charge": 2}
        assert attempts(holds(retries, "kill orders @recv charge w1"))["reserve"] == 2


def test_retries_hide_a_missing_root_until_the_caller_dies_as_well() -> None:
    """Nobody owns anything here. A kill of the leaf looks as good as above; one that takes the caller too tells."""
    leaf, caller = "kill payments @recv charge w1", "kill orders @recv charge w1"
    with on_stage("upstream_no_root") as unowned:
        assert attempts(holds(unowned, leaf)) == {"reserve": 1, "charge": 2}
        judged = unowned.run(leaf, caller)
        # Of w1 for sure; of w2 as well where it came in between the two kills.
        assert {(each.code, each.owner) for each in judged.verdict.violations} == {("RT106", "nobody")}


ATTEMPTS = {
    "progress_reexec": {"recv charge": (2, 2, 1), "applied charge": (2, 2, 1), "applied ship": (2, 2, 2)},
    "progress_log": {"recv charge": (1, 2, 1), "applied charge": (1, 2, 1), "applied ship": (1, 1, 2)},
}
"""Of reserve, charge and ship, where the worker is killed at a point; the table of docs/placements/progress.md."""


@pytest.mark.parametrize("name", ATTEMPTS)
def test_what_a_killed_worker_takes_again_depends_on_its_work(name: str) -> None:
    """The same node, trigger and fault; the ledger shows whether steps were executed again or taken from a log."""
    with on_stage(name) as progress:
        for point, expected in ATTEMPTS[name].items():
            judged = holds(progress, f"kill worker @{point} w1")
            assert attempts(judged) == dict(zip(("reserve", "charge", "ship"), expected, strict=True))


def test_adding_a_pattern_changes_no_line_of_the_harness() -> None:
    """No pattern and none of its nodes' services is known by name in there."""
    names = [path.parent.name for path in ROOM.glob("*/retrigger.toml")]
    sources = [path.read_text(encoding="utf-8") for path in (ROOM.parent / "harness").rglob("*.py")]
    assert [name for name in names if any(name in source for source in sources)] == []
