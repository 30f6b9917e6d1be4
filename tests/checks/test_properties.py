"""Each property on pairs of histories: it is silent on the good one and speaks on the bad ones."""

from __future__ import annotations

import pytest

from harness.checks import CATALOGUE, PROPERTIES, Verdict, judge
from harness.checks.codes import properties_of
from tests.checks.fixtures import BAD, GOOD, settled, stuck, waited_too_long
from tests.checks.story import Story, chain, inbox

GOOD_CASES = [
    pytest.param(name, story, id=f"{name}-{n}") for name, all_ in GOOD.items() for n, story in enumerate(all_)
]
BAD_CASES = [
    pytest.param(name, code, story, id=f"{name}-{n}-{code}")
    for name, pairs in BAD.items()
    for n, (code, story) in enumerate(pairs)
]


@pytest.mark.parametrize(("name", "story"), GOOD_CASES)
def test_property_holds_on_a_good_history(name: str, story: Story) -> None:
    """A property that is put to the test and not broken says HOLDS, not merely nothing."""
    assert judge(story.history).verdicts[name].verdict is Verdict.HOLDS


@pytest.mark.parametrize(("name", "code", "story"), BAD_CASES)
def test_property_is_violated_by_a_bad_history(name: str, code: str, story: Story) -> None:
    """A broken property says VIOLATED and the case is VIOLATED."""
    verdict = judge(story.history)
    assert (verdict.verdicts[name].verdict, verdict.outcome) == (Verdict.VIOLATED, Verdict.VIOLATED)
    assert code in {violation.code for violation in verdict.verdicts[name].violations}


@pytest.mark.parametrize(("name", "code", "story"), BAD_CASES)
def test_one_fact_is_reported_once_by_the_most_specific_property(name: str, code: str, story: Story) -> None:
    """A broken fact stands once in the report, under the property whose code it carries."""
    violations = judge(story.history).violations
    told = {violation.code: violation.property for violation in violations}
    assert told[code] == name
    assert len({violation.fact for violation in violations}) == len(violations)


def test_good_and_bad_histories_exist_for_every_property_that_looks_itself() -> None:
    """A new property does not go in without its pair."""
    assert set(GOOD) == {prop.id for prop in PROPERTIES}
    assert set(BAD) == {prop.id for prop in PROPERTIES if prop.check}


def test_every_code_is_shown_by_a_bad_history() -> None:
    """No code stands in the catalogue that no history can bring out."""
    assert {code for pairs in BAD.values() for code, _ in pairs} == set(CATALOGUE)


def test_a_first_node_that_is_invoked_again_was_submitted_again() -> None:
    """There is no caller before it that could be blamed; it was whoever stands at the edge."""
    [violation] = [v for v in judge(waited_too_long(late=False).history).violations if v.code == "RT301"]
    assert violation.likely.startswith("whoever submits it had no answer that means yes, and tried again")


def test_every_code_belongs_to_one_property() -> None:
    """Codes are stable names: two properties do not share one."""
    assert all(len(properties_of(code)) == 1 for code in CATALOGUE)


@pytest.mark.parametrize(
    ("story", "code"),
    [(stuck("stranded"), "RT101"), (settled(Story(inbox()).submit().accepted().applies().applies(key="2")), "RT102")],
    ids=["lost", "twice"],
)
def test_exactly_once_refers_to_what_broke_it(story: Story, code: str) -> None:
    """P3 is violated by a loss and by a duplicate, and adds no violation of its own."""
    verdict = judge(story.history)
    assert verdict.verdicts["P3"].verdict is Verdict.VIOLATED
    assert verdict.verdicts["P3"].boundaries == {"inbox": Verdict.VIOLATED}
    assert [violation.code for violation in verdict.violations] == [code]


def test_a_changed_key_that_led_to_a_duplicate_is_one_violation() -> None:
    """P2 tells it; P10 is violated by the same fact."""
    verdict = judge(settled(Story(inbox()).submit().accepted().applies(key="1").applies(key="2")).history)
    assert [violation.code for violation in verdict.violations] == ["RT102"]
    assert verdict.verdicts["P10"].violations == verdict.violations


def test_an_early_answer_that_is_never_made_true_is_one_violation() -> None:
    """Swallowed error: P1a reports it, P1b and P3 are violated by the same fact."""
    story = settled(Story(chain()).submit().applies(effect="reserve", by="a").attempts(by="b").accepted())
    verdict = judge(story.history)
    assert [(violation.property, violation.effect) for violation in verdict.violations] == [("P1a", "charge")]
    assert verdict.verdicts["P1b"].violations == verdict.verdicts["P3"].violations == verdict.violations


def test_a_duplicate_of_the_replay_is_told_by_the_replay_and_breaks_at_most_once_too() -> None:
    """The same second application under P2 and P16 is one violation, P16's."""
    story = settled(Story(inbox()).submit().accepted().applies()).replays().submit().accepted().applies().quiet()
    verdict = judge(story.history)
    assert [violation.property for violation in verdict.violations] == ["P16"]
    assert verdict.verdicts["P2"].violations == verdict.violations


def test_a_duplicate_that_goes_on_in_the_replay_is_told_from_its_beginning() -> None:
    """The earliest witness is reported, even where the replay shows the fault again."""
    story = settled(Story(inbox()).submit().accepted().applies(key="1").applies(key="2"))
    verdict = judge(story.replays().submit().accepted().applies(key="3").quiet().history)
    assert [violation.property for violation in verdict.violations] == ["P2"]


def test_a_lost_work_that_is_still_stored_is_one_violation() -> None:
    """Undriven: P1b reports it, and P15 is violated by the same fact."""
    story = Story(inbox()).submit().stored("w1").accepted().heals().drains().deadline("undriven", "w1")
    verdict = judge(story.history)
    assert [violation.code for violation in verdict.violations] == ["RT204"]
    assert verdict.verdicts["P15"].violations == verdict.violations


def test_boundaries_are_judged_one_by_one() -> None:
    """What one boundary loses is not held against its neighbour."""
    both = chain().to_json()
    both["boundaries"].append({"name": "queue"})
    both["effects"][1]["boundary"] = "queue"
    both["awaited"] = []
    story = Story(type(chain()).from_json(both)).submit().accepted().applies(effect="reserve")
    verdict = judge(settled(story).history).verdicts["P3"]
    assert verdict.boundaries == {"human": Verdict.HOLDS, "queue": Verdict.VIOLATED}
