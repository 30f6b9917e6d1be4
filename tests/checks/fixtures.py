"""Histories in pairs: for each property one that holds and ones that break it, with the code that must be reported.

The good one of a pair is the nearest innocent neighbour of the bad ones: a retry, an unknown answer, a kill that was
survived.
"""

from __future__ import annotations

from harness.checks import Expectation, ExpectedEffect
from harness.history import Kind
from tests.checks.story import Story, chain, inbox, ledger, nobody

__all__ = ["BAD", "GOOD", "done", "settled"]


def done(expectation: Expectation | None = None, work: str = "w1") -> Story:
    """Work is accepted, stored, charged, discharged."""
    story = Story(expectation or inbox())
    return story.submit(work).stored(work).accepted(work).applies(work).stored()


def settled(story: Story) -> Story:
    """Heals, drains and comes to rest."""
    return story.heals().drains().quiet()


def survived_kill() -> Story:
    story = Story(inbox()).submit().stored("w1").accepted().attempts().killed().dropped()
    return settled(story.restarted().applies().stored())


def keyed_retry() -> Story:
    """Killed after the effect; the second attempt is known to the partner."""
    story = Story(inbox()).submit().stored("w1").accepted().applies().killed(at="applied charge w1").restarted()
    return settled(story.attempts().stored())


def unknown_then_ok() -> Story:
    """The first answer is lost; the repeat with the same key is accepted; one effect."""
    return settled(Story(inbox()).submit().stored("w1").unknown().submit().accepted().applies().stored())


def chained() -> Story:
    story = Story(chain()).submit().applies(effect="reserve", by="a").applies(by="b").accepted()
    return settled(story)


def unknown_with(*effects: str) -> Story:
    story = Story(chain(root="none")).submit()
    for effect in effects:
        story.applies(effect=effect)
    return settled(story.killed("a", "applied reserve w1").unknown())


def replayed(story: Story) -> Story:
    return story.replays().submit()


def rows_done(count: int = 1) -> Story:
    story = Story(ledger()).submit().stored("w1").accepted().stored()
    return settled(story).rows(w1=count)


def lost() -> Story:
    """Accepted, killed before the effect, never taken up again."""
    return Story(inbox()).submit().accepted().attempts().killed().dropped().restarted().heals().drains()


def stuck(state: str = "stranded", **after: str) -> Story:
    return lost().deadline(state, "w1", after=after)


def brokered() -> Expectation:
    return inbox(stores=("broker",))


def store_killed_before_the_answer_arrived() -> Story:
    """The node has said 202, which is still on its way: from then on the store is responsible."""
    story = Story(brokered()).submit().tell(Kind.REPLY, "w1", "client->orders", 1, node="orders", status=202)
    return story.killed("broker", "reply orders w1").accepted().restarted("broker").heals().drains()


def store_killed() -> Story:
    """Accepted, and the broker is killed before anybody has begun."""
    story = Story(brokered()).submit().accepted().killed("broker", "reply orders w1")
    return story.restarted("broker").heals().drains()


def tolerant() -> Story:
    effect = ExpectedEffect(name="charge", node="payments", boundary="inbox", sink="plain", duplicates="tolerable")
    story = Story(inbox(effects=(effect,))).submit().accepted().applies(key="").applies(key="").applies(key="")
    return settled(story)


GOOD: dict[str, list[Story]] = {
    "P1a": [chained(), chained().replays().submit().accepted().quiet()],
    "P1b": [
        settled(done()),
        survived_kill(),
        keyed_retry(),
        unknown_then_ok(),
        rows_done(),
        settled(tolerant()),
        settled(Story(inbox()).submit().unknown().submit("w2").accepted("w2").applies("w2")),
    ],
    "P2": [settled(done()), keyed_retry(), rows_done()],
    "P3": [settled(done()), survived_kill(), keyed_retry(), unknown_then_ok(), rows_done()],
    "P4": [
        settled(Story(inbox()).submit().accepted().attempts().takes_effect(payload_nonce="nonce-of-w1")),
        settled(Story(inbox()).submit().rejected().submit().accepted().applies()),
        settled(Story(inbox()).submit().unknown().submit().rejected().applies()),
    ],
    "P5": [unknown_with(), unknown_with("reserve", "charge")],
    "P11": [
        settled(
            Story(brokered()).submit().accepted().killed("broker", "reply orders w1").restarted("broker").applies()
        ),
    ],
    "P15": [settled(done()), stuck("stranded")],
    "P16": [
        replayed(settled(done())).accepted().attempts().quiet().ends(),
        replayed(rows_done()).accepted().quiet().rows(w1=1).ends(),
        replayed(settled(Story(inbox()).submit().unknown())).accepted().applies().quiet().ends(),
        replayed(settled(tolerant())).accepted().applies().quiet().ends(),
        replayed(settled(Story(inbox()).submit().rejected())).rejected().quiet().ends(),
        replayed(settled(done())).unknown().quiet().ends(),
    ],
}
"""Histories in which the property is put to the test and holds."""

BAD: dict[str, list[tuple[str, Story]]] = {
    "P1a": [
        ("RT103", settled(Story(chain()).submit().applies(effect="reserve", by="a").accepted().applies(by="b"))),
        ("RT103", settled(Story(chain()).submit().applies(effect="reserve", by="a").attempts(by="b").accepted())),
    ],
    "P1b": [
        ("RT101", stuck("stranded")),
        ("RT101", lost().quiet()),
        ("RT101", stuck("stranded", w1="lost")),
        ("RT101", stuck("overdue", w1="lost")),
        ("RT201", settled(Story(nobody()).submit().accepted().attempts().killed().dropped())),
        ("RT202", stuck("stranded", w1="stuck_until_next_work")),
        ("RT203", stuck("stranded", w1="STUCK_UNTIL_RESTART")),
        ("RT204", lost().stored("w1").deadline("undriven", "w1")),
        ("RT205", lost().attempts().attempts().attempts().deadline("livelock", "w1")),
        ("RT101", rows_done(count=0)),
        ("RT101", settled(Story(inbox()).submit().stored("w1").unknown().stored())),
        ("RT101", replayed(settled(Story(inbox()).submit().unknown())).accepted().quiet().ends()),
    ],
    "P2": [
        ("RT102", settled(done().applies(key="other"))),
        ("RT102", settled(Story(inbox()).submit().unknown().submit().unknown().applies(key="").applies(key=""))),
        ("RT102", rows_done(count=2)),
    ],
    "P4": [
        ("RT104", settled(done().applies("w9"))),
        ("RT104", settled(Story(inbox()).submit().accepted().attempts().takes_effect(payload_nonce="of another"))),
        ("RT104", settled(Story(inbox()).applies().submit().accepted())),
        ("RT104", settled(Story(inbox()).submit().rejected().takes_effect(""))),
        ("RT104", rows_done().rows(w1=1, w9=1)),
        ("RT105", settled(Story(inbox()).submit().rejected().applies())),
    ],
    "P5": [("RT106", unknown_with("reserve")), ("RT106", unknown_with("charge"))],
    "P11": [
        ("RT208", store_killed().deadline("stranded", "w1")),
        ("RT208", store_killed().deadline("overdue", "w1")),
        ("RT208", store_killed_before_the_answer_arrived().deadline("stranded", "w1")),
    ],
    "P15": [
        ("RT206", settled(done().stored("w1"))),
        ("RT207", settled(done()).attempts()),
        ("RT206", done().stored("w1").heals().drains().deadline("undriven", "w1")),
        ("RT207", done().attempts().attempts().heals().drains().deadline("livelock", "w1")),
    ],
    "P16": [
        ("RT107", replayed(settled(done())).accepted().applies().quiet().ends()),
        ("RT107", replayed(rows_done()).accepted().quiet().rows(w1=2).ends()),
        ("RT108", replayed(settled(done())).rejected().quiet().ends()),
        ("RT108", replayed(settled(Story(inbox()).submit().rejected())).accepted().applies().quiet().ends()),
    ],
}
"""Histories that break the property, with the code that must be reported, once."""
