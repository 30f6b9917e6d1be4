"""The enumeration: every gap of every pattern, as lists that can be read against its manifest."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import patterns
from harness.bench.detection.catalogue import read_catalogue
from harness.errors import UsageError
from harness.manifest.load import load
from harness.manifest.model import Manifest
from harness.plans.aim import check_aim
from harness.plans.gaps import core, gaps, killable, single
from harness.plans.model import PROCESS_VERBS, Plan, parse_fault
from harness.plans.strategies import plans

FOLDER = Path(patterns.__file__).parent
NAMES = sorted(path.parent.name for path in FOLDER.glob("*/retrigger.toml"))

GAPS = {
    "callee_inbox": """
        client->orders  @deliver orders w1  @reply orders w1
        worker->world  @recv charge w1  @applied charge w1
    """,
    "callee_naive": """
        client->orders  @deliver orders w1  @reply orders w1
        orders->world  @recv charge w1  @applied charge w1
    """,
    "caller_queue": """
        client->orders  @deliver orders w1  @reply orders w1
        payments->world  @recv charge w1  @applied charge w1
    """,
    "engine_dbos": """
        client->fx  @deliver api w1  @reply api w1
        fx->world  @recv a w1  @applied a w1  @recv c w1  @applied c w1
        fy->world  @recv b1 w1  @applied b1 w1  @recv b2 w1  @applied b2 w1  @recv b3 w1  @applied b3 w1
    """,
    "upstream_sync": """
        client->orders  @deliver orders w1  @reply orders w1
        orders->payments  @deliver payments w1  @reply payments w1
        payments->ledger  @deliver ledger w1  @reply ledger w1
        orders->world  @recv reserve w1  @applied reserve w1
        payments->world  @recv charge w1  @applied charge w1
        ledger->world  @recv enter w1  @applied enter w1
    """,
}
"""A line is a link, and the points at which a request on it can be held."""

CORE = {
    "callee_inbox": """
        cut request client->orders @deliver orders w1
        cut reply client->orders @deliver orders w1
        kill orders @reply orders w1
        kill worker @recv charge w1
        kill worker @applied charge w1
        cut reply worker->world @recv charge w1
    """,
    "engine_dbos": """
        cut request client->fx @deliver api w1
        cut reply client->fx @deliver api w1
        kill fx @reply api w1
        kill fx @recv a w1
        kill fx @applied c w1
        cut reply fx->world @recv c w1
        kill fy @recv b1 w1
        kill fy @applied b3 w1
        cut reply fy->world @recv b3 w1
    """,
}


@cache
def manifest(name: str) -> Manifest:
    """The manifest of a pattern."""
    return load(FOLDER / name)


def listed(text: str) -> list[str]:
    """The lines of a table, without its indentation."""
    return [line.strip() for line in text.strip().splitlines()]


def words(found: list[Plan]) -> list[str]:
    """Plans in words."""
    return [str(plan) for plan in found]


@pytest.mark.parametrize("name", GAPS)
def test_gaps_are_the_two_ends_of_each_hop(name: str) -> None:
    """Every route and every effect at the world gives two points, and each link stands where it belongs."""
    rows: dict[str, list[str]] = {}
    for gap in gaps(manifest(name)):
        rows.setdefault(gap.link, []).append(str(gap.point))
    assert [f"{link}  {'  '.join(points)}" for link, points in rows.items()] == listed(GAPS[name])


def test_single_hits_each_gap_of_the_inbox_with_each_fault() -> None:
    """The whole sweep of the smallest correct pattern, written out once."""
    point = dict(
        zip(("deliver", "reply", "recv", "applied"), [gap.point for gap in gaps(manifest("callee_inbox"))], strict=True)
    )
    kills = [f"kill {process} {each}" for each in point.values() for process in ("orders", "worker")]
    own = {"deliver": "orders", "reply": "orders", "recv": "worker", "applied": "worker"}
    graceful = [f"terminate {process} {point[at]}" for at, process in own.items()]
    paused = [f"pause {process} {point[at]} until detect" for at, process in own.items()]
    links = {"deliver": "client->orders", "recv": "worker->world"}
    cuts = [
        f"{cut} {link} {point[at]}"
        for at, link in links.items()
        for cut in ("cut request", "cut reply", "blackhole reply")
    ]
    refused = [f"refuse {link} {point[at]} until detect" for at, link in links.items()]
    held = [f"hold {link} {point[at]} until detect" for at, link in links.items()]
    around = [f"kill {process} {at}" for process in ("orders", "worker") for at in (f"@ready {process}", "@quiet")]
    dup = [f"dup client->orders {point['deliver']}"]
    human = ["click twice @submit w1", *(f"give up {point[at]}" for at in ("deliver", "reply"))]
    found = words(single(manifest("callee_inbox")))
    assert sorted(found) == sorted(kills + graceful + paused + cuts + refused + held + around + dup + human)
    assert len(found) == len(set(found)) == 34


@pytest.mark.parametrize("name", CORE)
def test_core_has_both_sides_of_the_edge_and_of_the_effects(name: str) -> None:
    """The handful for a demo: request, reply, and a kill on each side of what a node does outside."""
    assert words(core(manifest(name))) == listed(CORE[name])


def test_core_poisons_a_work_where_a_parking_place_is_declared(tmp_path: Path) -> None:
    """Who says where work ends that fails for good is asked for it among the first plans."""
    parking = load(read_catalogue().write("parking", tmp_path))
    assert "poison payments->world @recv charge w1" in words(core(parking))
    assert not [each for each in words(core(manifest("caller_queue"))) if each.startswith("poison")]


def test_broker_is_killed_and_cut_off_from_those_who_need_it() -> None:
    """A resource is a target like a process; its links are hurt only where somebody still has something to say."""
    found = words(single(manifest("caller_queue")))
    assert "kill broker @recv charge w1" in found
    assert "blackhole request relay->broker @deliver orders w1 until detect" in found
    assert "refuse payments->broker @applied charge w1 until detect" in found
    assert not [each for each in found if "relay->broker" in each and "charge" in each]


def test_engine_that_calls_its_functions_is_cut_off_from_each_of_them() -> None:
    """The arrow begins at the engine; a function that has nothing left to do is let alone."""
    found = words(single(manifest("engine_restate")))
    assert "blackhole request engine->fx @recv a w1 until detect" in found
    assert "refuse engine->fy @recv b1 w1 until detect" in found
    assert not [each for each in found if "engine->fx" in each and "@recv b1" in each]


def test_a_queue_in_front_of_the_first_node_takes_the_work_and_the_faults_of_its_entry() -> None:
    """With `through` the client speaks to the queue: that link is cut, and the node's own door is the queue's."""
    found = words(core(manifest("figure_6")))
    assert {"cut request client->queue @submit w1", "cut reply client->queue @submit w1"} <= set(found)
    assert "kill queue @answer w1" in found
    doors = [gap.link for gap in gaps(manifest("figure_6")) if gap.point.where == "A"]
    assert set(doors) == {"queue->A"}


POLLED = """
spec = 1
name = "polled"
[submit]
node = "queue"
request = { path = "/jobs", json = { id = "{work}" } }
[[process]]
name = "queue"
start = ["./queue", "{port}"]
[[process]]
name = "worker"
start = ["./worker"]
ready = "none"
env = { QUEUE_URL = "{link:queue}", WORLD_URL = "{link:world}" }
[[node]]
name = "queue"
process = "queue"
work_id = "json:/id"
[[node]]
name = "worker"
process = "worker"
effects = [{ name = "charge", at = "POST {link:world}/charge" }]
[[edge]]
from = "queue"
to = "worker"
awaits = false
trigger = { placement = "callee", kind = "inbox" }
"""


def test_who_only_asks_a_queue_for_work_is_not_taken_for_the_one_who_hands_it_in(tmp_path: Path) -> None:
    """The worker has a link to the queue, and no edge leads from it there: what enters does not come on that link.

    It is cut as the link to a broker is, for as long as there is something to ask for.
    """
    path = tmp_path / "retrigger.toml"
    path.write_text(POLLED)
    assert {gap.link for gap in gaps(load(path)) if gap.point.where == "queue"} == {"client->queue"}
    asking = [each for each in words(single(load(path))) if "worker->queue" in each and "@deliver" in each]
    assert asking == [
        "blackhole request worker->queue @deliver queue w1 until detect",
        "blackhole reply worker->queue @deliver queue w1 until detect",
        "refuse worker->queue @deliver queue w1 until detect",
    ]


@pytest.mark.parametrize("name", NAMES)
def test_every_plan_reads_back_and_is_aimed_at_what_is_there(name: str) -> None:
    """What is enumerated can be written down, typed in again, and found in the system; no plan comes twice."""
    found = [*single(manifest(name)), *core(manifest(name))]
    for plan in found:
        assert tuple(parse_fault(str(fault)) for fault in plan.faults) == plan.faults
        check_aim(manifest(name), plan)
    assert len({plan.id for plan in single(manifest(name))}) == len(single(manifest(name)))
    assert {plan.id for plan in core(manifest(name))} <= {plan.id for plan in single(manifest(name))}


@settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.data())
@pytest.mark.parametrize("name", NAMES)
def test_drawn_plans_are_aimed_at_what_is_there(name: str, data: st.DataObject) -> None:
    """Whole plans as data: one to three faults, each on a target, a place and a work that exist, none of them twice."""
    plan = data.draw(plans(manifest(name), "here"))
    check_aim(manifest(name), plan)
    assert 1 <= len(plan.faults) <= 3
    assert 1 <= plan.works <= 3
    assert len({(fault.point, fault.target) for fault in plan.faults}) == len(plan.faults)


def test_drawn_plans_reach_all_kinds_of_faults() -> None:
    """What can be enumerated can be drawn as well, but for what only makes sense alone: an owner who gives up."""
    inbox, seen = manifest("callee_inbox"), set[str]()

    @settings(max_examples=400, database=None, derandomize=True, deadline=None)
    @given(plans(inbox, ""))
    def draw(plan: Plan) -> None:
        seen.update(fault.family for fault in plan.faults)

    draw()
    wanted = {fault.family for plan in single(inbox) for fault in plan.faults if fault.verb != "give"}
    assert seen == {family for family in wanted if not family.endswith(("@ready", "@quiet"))}


@pytest.mark.parametrize(
    ("fault", "complaint"),
    [
        ("kill nobody @recv charge w1", "orders, worker"),
        ("cut reply nobody->orders @deliver orders w1", "client->orders, worker->world"),
        ("kill worker @recv refund w1", "charge"),
        ("kill worker @deliver payments w1", "orders"),
        ("kill worker @ready charge", "orders, worker"),
        ("kill worker @recv charge w3", "w1, w2"),
    ],
)
def test_fault_aimed_at_nothing_is_a_usage_error(fault: str, complaint: str) -> None:
    """A plan for another system would strike nothing; it is refused with the names that there are."""
    plan = Plan(system="callee_inbox", faults=(parse_fault(fault),))
    with pytest.raises(UsageError) as caught:
        check_aim(manifest("callee_inbox"), plan)
    assert [problem.expected for problem in caught.value.problems] == [f"one of {complaint}"]


def test_process_of_somebody_else_is_never_killed() -> None:
    """A process that runs already, given by its address, gets network faults only."""
    inbox = manifest("callee_inbox")
    orders = inbox.process[0].model_copy(update={"app": None, "url": "http://127.0.0.1:1"})
    foreign = inbox.model_copy(update={"process": [orders, *inbox.process[1:]]})
    assert [process.name for process in killable(foreign)] == ["worker"]
    faults = [fault for plan in single(foreign) for fault in plan.faults]
    struck = {fault.target for fault in faults if fault.verb in PROCESS_VERBS}
    assert struck == {"worker"}
    with pytest.raises(UsageError):
        check_aim(foreign, Plan(system=foreign.name, faults=(parse_fault("kill orders @recv charge w1"),)))
