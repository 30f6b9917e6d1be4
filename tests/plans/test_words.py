"""A plan in words: what is written is what is meant, everywhere and for ever."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import UsageError
from harness.plans.model import DIRECTED_VERBS, HUMAN_ACTS, LINK_VERBS, PROCESS_VERBS, Fault, Plan, Point, parse_fault

NAMES = st.from_regex(r"[A-Za-z][A-Za-z0-9_.#-]{0,12}", fullmatch=True)
WORKS = st.integers(1, 40).map("w{}".format)
UNTIL = st.sampled_from(["", "detect", "lease", "timeout", "patience", "lease+1", "detect+0.25"])


@st.composite
def points(draw: st.DrawFn) -> Point:
    """Any point that there can be."""
    name = draw(st.sampled_from(["recv", "applied", "deliver", "reply", "submit", "answer", "ready", "quiet"]))
    where = draw(NAMES) if name in ("recv", "applied", "deliver", "reply", "ready") else ""
    work = draw(WORKS) if name not in ("ready", "quiet") else ""
    return Point(name=name, where=where, work=work, n=draw(st.integers(1, 12)))


@st.composite
def faults(draw: st.DrawFn) -> Fault:
    """Any fault that means something."""
    point, verb = draw(points()), draw(st.sampled_from((*PROCESS_VERBS, *LINK_VERBS, *HUMAN_ACTS)))
    if verb in HUMAN_ACTS:
        name = "answer" if verb == "give" else "submit"
        point = replace(point, name=name, where="", work=point.work or "w1")
        return Fault(verb=verb, target=HUMAN_ACTS[verb], point=point)
    if verb in PROCESS_VERBS:
        target = draw(NAMES) + draw(st.sampled_from(["", "/child", "/parent"]))
    else:
        target = f"{draw(NAMES)}->{draw(NAMES)}"
    if verb == "dup":
        point = replace(point, name="deliver", where=point.where or "orders", work=point.work or "w1")
    if verb in ("reject", "poison"):
        point = replace(point, name="recv", where=point.where or "charge", work=point.work or "w1")
    direction = draw(st.sampled_from(["request", "reply"])) if verb in DIRECTED_VERBS else ""
    late = draw(st.booleans()) if verb in ("kill", "replace") and point.name == "recv" else False
    return Fault(verb=verb, target=target, point=point, direction=direction, until=draw(UNTIL), late=late)


@given(faults())
def test_fault_reads_back_from_its_words(fault: Fault) -> None:
    """`parse_fault` and `str` are inverse, also for names with dots, dashes and hashes."""
    assert parse_fault(str(fault)) == fault


@given(st.lists(faults(), max_size=3), st.integers(1, 50))
def test_plan_reads_back_from_its_file(drawn: list[Fault], works: int) -> None:
    """A plan file carries all of a plan, and the id is the same after the journey."""
    plan = Plan(system="acme", works=works, faults=tuple(drawn), manifest="/there/retrigger.toml")
    again = Plan.from_json(json.loads(json.dumps(plan.to_json())))
    assert again == plan
    assert (again.id, again.manifest) == (plan.id, plan.manifest)


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (
            "kill worker @recv charge w1",
            Fault(verb="kill", target="worker", point=Point(name="recv", where="charge", work="w1")),
        ),
        (
            "  cut reply  client->orders   @deliver orders w1 #2 ",
            Fault(
                verb="cut",
                direction="reply",
                target="client->orders",
                point=Point(name="deliver", where="orders", work="w1", n=2),
            ),
        ),
        (
            "pause worker/child @applied charge w1 until lease+1",
            Fault(
                verb="pause",
                target="worker/child",
                point=Point(name="applied", where="charge", work="w1"),
                until="lease+1",
            ),
        ),
        (
            "kill worker @recv B#D w3 #2 late",
            Fault(verb="kill", target="worker", point=Point(name="recv", where="B#D", work="w3", n=2), late=True),
        ),
        (
            "kill orders @ready orders #2",
            Fault(verb="kill", target="orders", point=Point(name="ready", where="orders", n=2)),
        ),
        (
            "kill orders @syscall fsync #3",
            Fault(verb="kill", target="orders", point=Point(name="syscall", where="fsync", n=3)),
        ),
        ("kill orders @quiet", Fault(verb="kill", target="orders", point=Point(name="quiet"))),
        (
            "blackhole reply relay->broker @recv charge w1 until death",
            Fault(
                verb="blackhole",
                direction="reply",
                target="relay->broker",
                point=Point(name="recv", where="charge", work="w1"),
                until="death",
            ),
        ),
        ("click twice @submit w1", Fault(verb="click", target="twice", point=Point(name="submit", work="w1"))),
        ("give up @answer w2 #3", Fault(verb="give", target="up", point=Point(name="answer", work="w2", n=3))),
        ("new key @submit w1 #2", Fault(verb="new", target="key", point=Point(name="submit", work="w1", n=2))),
    ],
)
def test_words_mean_what_they_say(words: str, fault: Fault) -> None:
    """The forms of the documentation, one by one."""
    assert parse_fault(words) == fault


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ("", "VERB"),
        ("explode worker @recv charge w1", "one of kill"),
        ("kill worker", "VERB"),
        ("kill client->orders @recv charge w1", "a process"),
        ("cut reply worker @recv charge w1", "a link"),
        ("cut client->orders @deliver orders w1", "`cut request` or `cut reply`"),
        ("kill request worker @recv charge w1", "`kill request`"),
        ("kill worker @recv charge", "@recv PLACE WORK"),
        ("kill worker @submit charge w1", "@submit WORK"),
        ("kill worker @lunch charge w1", "@recv @applied"),
        ("kill worker @quiet w1", "@quiet"),
        ("kill worker @syscall open", "@syscall write|pwrite64|fsync|fdatasync|rename|unlink|sendto"),
        ("pause worker @syscall fsync until detect", "kill PROCESS @syscall"),
        ("kill worker/child @syscall fsync", "kill PROCESS @syscall"),
        ("kill worker/cousin @recv charge w1", "PROCESS/child"),
        ("kill worker @recv charge w1 #0", "@recv PLACE WORK"),
        ("pause worker @recv charge w1 until tomorrow", "@recv PLACE WORK"),
        ("pause worker @recv charge w1 until lease+1.2.3", "@recv PLACE WORK"),
        ("pause worker @recv charge w1 until death", "until death with blackhole"),
        ("hold worker->world @recv charge w1 until death", "until death with blackhole"),
        ("dup worker->world @recv charge w1", "dup A->B @deliver"),
        ("poison worker->world @applied charge w1", "poison A->world @recv"),
        ("reject worker->world @applied charge w1", "reject A->world @recv"),
        ("kill worker @applied charge w1 late", "kill PROCESS @recv EFFECT WORK late"),
        ("cut reply a->b @recv charge w1 late", "kill PROCESS @recv EFFECT WORK late"),
        ("click thrice @submit w1", "click twice @POINT"),
        ("click twice @recv charge w1", "@submit"),
        ("give up @submit w1", "@deliver or @reply"),
        ("give up @answer w1 until patience", "give up @answer w1"),
        ("wait @answer w1", "VERB"),
    ],
)
def test_words_that_are_no_fault_say_what_was_expected(words: str, complaint: str) -> None:
    """A plan that cannot strike is refused before it runs, with the form that would be right."""
    with pytest.raises(UsageError) as caught:
        parse_fault(words)
    [problem] = caught.value.problems
    assert complaint in problem.expected + problem.got
    assert "retrigger list faults" in problem.fix


@pytest.mark.parametrize(
    "record",
    [
        {},
        [],
        {"system": "acme", "works": 2},
        {"system": "acme", "works": "two", "faults": []},
        {"system": "acme", "works": 0, "faults": []},
        {"system": "acme", "works": 2, "faults": "kill"},
    ],
)
def test_file_that_is_no_plan_is_a_usage_error(record: dict[str, object]) -> None:
    """A file of another kind, or one that was edited by hand, ends in a message."""
    with pytest.raises(UsageError):
        Plan.from_json(record)


def test_ids_never_change() -> None:
    """An id in an old report finds the same plan in every later version."""
    assert Plan(system="acme").id == "xWkTk4"
    assert Plan(system="acme", faults=(parse_fault("kill worker @recv charge w1"),)).id == "Qjvs0L"


def test_id_is_the_plans_own() -> None:
    """System, number of works, faults and their order make the id; the place of the manifest does not."""
    kill, cut = map(parse_fault, ("kill worker @recv charge w1", "refuse a->b @recv charge w1"))
    plans = [
        Plan(system="acme", faults=(kill, cut)),
        Plan(system="acme", faults=(cut, kill)),
        Plan(system="acme", faults=(kill,)),
        Plan(system="acme", works=3, faults=(kill,)),
        Plan(system="other", faults=(kill,)),
    ]
    assert len({plan.id for plan in plans}) == len(plans)
    assert replace(plans[0], manifest="/elsewhere").id == plans[0].id


def test_family_counts_alike_faults_together() -> None:
    """What landed is counted by verb, direction and kind of point, whatever the system."""
    words = ("cut reply a->b @deliver n w1 #2", "kill worker @recv charge w1", "kill orders @quiet")
    assert [parse_fault(each).family for each in words] == ["cut reply @deliver", "kill @recv", "kill @quiet"]


def test_a_fault_on_a_link_may_leave_out_the_node_at_its_end() -> None:
    """The short form means the node that the arrow points at; what it reads back as is whole."""
    short = parse_fault("cut reply orders->stock @deliver w2")
    assert str(short) == "cut reply orders->stock @deliver stock w2"
    with pytest.raises(UsageError):
        parse_fault("kill stock @deliver w2")  # no arrow says where
