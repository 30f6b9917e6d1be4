"""Each lint has a declaration that earns it and a corrected one that does not."""

from __future__ import annotations

import pytest

from harness.boundaries import describe
from tests.boundaries.figures import figure, graph_from


def codes(text: str) -> list[tuple[str, str]]:
    return [(found.code, found.where) for found in describe(graph_from(text)).lints]


def system(
    *,
    submit: str = 'root = "human"',
    trigger: str = 'placement = "caller", kind = "queue"',
    awaits: str = "false",
    a: str = "",
    effect: str = "",
    work: str = "reexec",
) -> str:
    """Two nodes, A and B, and one edge."""
    declared = f"trigger = {{ {trigger} }}\n" if trigger else ""
    return f"""
[submit]
node = "A"
{submit}
[[node]]
name = "A"
process = "A"
effects = [{{ name = "w" {a} }}]
[[node]]
name = "B"
process = "B"
work = "{work}"
effects = [{{ name = "charge" {effect} }}]
[[edge]]
from = "A"
to = "B"
awaits = {awaits}
{declared}"""


QUEUE = 'placement = "caller", kind = "queue"'
BROKEN = [
    ("UNOWNED_ROOT", "A", system(submit="", trigger="", awaits="true"), system(trigger="", awaits="true")),
    ("DANGLING_ASYNC", "A->B", system(trigger=""), system()),
    ("NESTED", "A->B", system(awaits="true"), system()),
    ("NOT_PROGRESSABLE", "B.charge", system(work="none"), system(work="none", effect=', duplicates = "tolerable"')),
    ("DUAL_WRITE", "A->B", system(a=', sink = "transactional"'), system(a=', sink = "transactional"',
                                                                      trigger='placement = "caller", kind = "outbox"')),
    ("DUAL_WRITE", "A->B", system(submit=""), system(submit=f"trigger = {{ {QUEUE} }}")),
    ("KEY_NOT_STABLE", "A->B", system(trigger=QUEUE + ', key = "per_attempt"'), system()),
    ("NO_EXACTLY_ONCE", "B.charge", system(effect=', sink = "plain"'),
     system(effect=', sink = "plain", duplicates = "tolerable"')),
    ("DEDUPE_TTL", "A->B", system(trigger=QUEUE + ", dedupe_s = 5.0, max_detect_s = 9.0"),
     system(trigger=QUEUE + ", dedupe_s = 50.0, max_detect_s = 9.0")),
    ("DEDUPE_TTL", "B.charge",
     system(trigger=QUEUE + ", attempts = 10, backoff_max_s = 60.0", effect=", retention_s = 300.0"),
     system(trigger=QUEUE + ", attempts = 3, backoff_max_s = 60.0", effect=", retention_s = 300.0")),
    ("LEASE", "A->B", system(trigger=QUEUE + ", lease_s = 2.0, work_s = 3.0, fenced = false"),
     system(trigger=QUEUE + ", lease_s = 2.0, work_s = 3.0")),
    ("EXHAUSTS", "A->B", system(trigger=QUEUE + ", attempts = 3"), system()),
]  # fmt: skip


@pytest.mark.parametrize(("code", "where", "broken", "corrected"), BROKEN)
def test_a_lint_names_the_place_and_goes_away_when_corrected(
    code: str, where: str, broken: str, corrected: str
) -> None:
    """Found where it is, and only there."""
    assert (code, where) in codes(broken)
    assert code not in dict(codes(corrected))


@pytest.mark.parametrize(
    ("flaw", "reason"),
    [
        ('acknowledged = "before_set"', "before it is set"),
        ("durable = false", "does not survive"),
        ("redriven = false", "nothing drives it again"),
        ('discharged = "before_work"', "discharged before the work"),
    ],
)
def test_a_trigger_that_breaks_its_own_rules_owns_nothing(flaw: str, reason: str) -> None:
    """The work is unowned and the lint says why the declared trigger does not count."""
    description = describe(graph_from(system(trigger=f"{QUEUE}, {flaw}")), "crash B")
    assert description.boundaries.unowned == ("B",)
    assert [found.code for found in description.lints] == ["DANGLING_ASYNC"]
    assert reason in description.lints[0].what


@pytest.mark.parametrize("flaw", ["waits = false", 'key = "per_attempt"'])
def test_a_human_who_leaves_or_makes_a_new_key_is_no_root(flaw: str) -> None:
    """He must wait for the answer, and click again with the same key."""
    text = system(submit=f'trigger = {{ placement = "root", kind = "human", {flaw} }}')
    assert ("UNOWNED_ROOT", "A") in codes(text)


@pytest.mark.parametrize(
    "name", ["fig2_caller", "fig2_callee", "fig2_upstream", "fig2_in_situ", "fig4", "fig5", "fig6", "fig7"]
)
def test_a_correct_figure_has_nothing_to_complain_about(name: str) -> None:
    """No lint at all on patterns that are right."""
    assert describe(figure(name)).lints == ()


def test_nesting_is_information() -> None:
    """Fig. 9 with its human is right: each awaited trigger is mentioned once, nothing else is."""
    assert [found.code for found in describe(figure("fig9_human", "log")).lints] == ["NESTED", "NESTED"]


def test_a_node_on_two_paths_is_complained_about_once() -> None:
    """Lints speak of the declaration, not of its instances."""
    text = system(trigger="") + '[[edge]]\nfrom = "A"\nto = "B"\nas = "again"\nawaits = true\n'
    text = text.replace('name = "charge"', 'name = "charge", sink = "plain"')
    assert codes(text).count(("NO_EXACTLY_ONCE", "B.charge")) == 1
