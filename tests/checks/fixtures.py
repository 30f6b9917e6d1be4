"""Histories in pairs: for each property one that holds and ones that break it, with the code that must be reported.

The good one of a pair is the nearest innocent neighbour of the bad ones: a retry, an unknown answer, a kill that was
survived.
"""

from __future__ import annotations

import json
from dataclasses import replace

from harness.checks import Expectation, ExpectedCall, ExpectedEffect, Spread
from harness.history import Kind
from tests.checks.story import Story, chain, handed_off, inbox, ledger, nobody, saga

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


def at_b(expectation: Expectation | None = None) -> Story:
    """Work is accepted by a, handed to b, and b is killed before its effect."""
    story = Story(expectation or handed_off()).submit().delivers("a").applies(effect="reserve", by="a")
    story.stored("w1", edge="a->b").replies("a").accepted().delivers("b", by="a")
    return story.attempts(by="b").killed("b", "recv charge w1").restarted("b")


def done_by_b(story: Story) -> Story:
    return settled(story.delivers("b", by="a").applies(by="b").stored(edge="a->b"))


def waited_too_long(late: bool) -> Story:
    """The client asks again after an answer that did not come, in time or at all."""
    story = at_b().submit().tell(Kind.ANSWER, "w1", n=2, outcome="unknown", late=late)
    return done_by_b(story.submit().delivers("a").attempts(effect="reserve", by="a"))


def lease_ran_out(after_s: float) -> Story:
    """Without any fault at b, b is invoked twice, so many seconds apart."""
    faults = (Spread(cause="fault", name="kill a @ready a", nodes=("a",)),)
    story = Story(handed_off(spreads=(*faults, *handed_off().spreads[1:]))).killed("a", "ready a")
    story.submit().accepted().delivers("b", by="a")
    story.events.append(replace(story.events[-1], n=2, at_s=story.events[-1].at_s + after_s))
    while len(story.events) < 100 * after_s:  # the story's clock goes on by what it tells
        story.tell(Kind.CONNECT, where="client->a")
    return settled(story.applies(effect="reserve", by="a").applies(by="b"))


def held_up() -> Story:
    """B is killed over w1 and finishes it; w2 was accepted, and nothing ever came of it at a."""
    story = Story(handed_off()).submit("w2").accepted("w2").applies("w2", by="b")
    story.submit().applies(effect="reserve", by="a").accepted().attempts(by="b").killed("b", "recv charge w1")
    return settled(story.restarted("b").applies(by="b"))


def multiplied(attempts: int, budget: int = 2) -> Story:
    """The queue drives b so many times, and has declared how often it may."""
    plain = handed_off()
    queue = replace(plain.boundaries[1], attempts=budget)
    story = Story(replace(plain, boundaries=(plain.boundaries[0], queue)))
    story.submit().delivers("a").applies(effect="reserve", by="a").accepted()
    for _ in range(attempts):
        story.delivers("b", by="a")
    return settled(story.applies(by="b"))


def called(times: int, retries: int = 0) -> Story:
    """A calls b so many times within one invocation, and waits."""
    call = ExpectedCall(caller="a", callee="b", retries=retries)
    story = Story(handed_off(calls=(call,))).submit().delivers("a").applies(effect="reserve", by="a")
    for _ in range(times):
        story.delivers("b", by="a")
    return settled(story.applies(by="b").accepted())


def discharged_then(attempts: int) -> Story:
    """The queue no longer holds the work, and it is attempted so many more times."""
    story = Story(handed_off()).submit().delivers("a").applies(effect="reserve", by="a").accepted()
    story.stored("w1", edge="a->b").delivers("b", by="a").applies(by="b").stored(edge="a->b")
    for _ in range(attempts):
        story.attempts(by="b")
    return settled(story)


def undoing() -> Expectation:
    """As `inbox`, with a refund that undoes the charge."""
    refund = ExpectedEffect(name="refund", node="payments", boundary="inbox", compensates="charge")
    return inbox(effects=(*inbox().effects, refund))


def logged(*steps: str) -> Story:
    """Payments keeps a step log; the charge takes place, and then the log holds these steps."""
    story = Story(two_steps(journals=("payments",))).submit().accepted().logs().applies()
    return story.logs(w1=list(steps))


def taken_over() -> Story:
    """The worker stands still, another one tries, and then the first one's effect takes place."""
    story = Story(inbox()).submit().accepted().attempts()
    story.tell(Kind.PROCESS, where="worker", state="paused").attempts(by="other").dropped()
    return story.applies()


def told_first() -> Story:
    """A reserves, by declaration, before it hands the work to b."""
    taken, (client, on) = handed_off(), handed_off().calls
    return Story(replace(taken, calls=(client, replace(on, after=("reserve",)))))


def went_on(paused: str, mine: int) -> Story:
    """A worker stands still in its charge, another one charges, and then the first one mails under this claim."""
    story = Story(two_steps(journals=("payments",))).submit().accepted().applies(epoch=1)
    story.tell(Kind.PROCESS, where=paused, state="paused")
    story.tell(Kind.ANSWERED, "w1", "charge", 1, status=200).attempts(epoch=2)
    story.tell(Kind.PROCESS, where=paused, state="resumed").logs(w1=["charge"])
    return story.applies(effect="mail", epoch=mine)


def poisoned() -> Story:
    """W1 is accepted, and its charge fails for good."""
    story = Story(inbox(parking=("orders->payments",))).submit().accepted().attempts()
    return story.tell(Kind.FAULT, "w1", "poison worker->world @recv charge w1", state="landed").attempts()


def handed(on: bool) -> Story:
    """A did its own effect; what it should have handed on was seen in its store, or never."""
    story = Story(handed_off()).submit().delivers("a").applies(effect="reserve", by="a").killed("a").restarted("a")
    story.accepted()
    return story.stored("w1", edge="a->b").stored(edge="a->b").applies(by="b") if on else story


def two_steps(**changes: object) -> Expectation:
    """As `inbox`, with a node that charges and then mails."""
    mail = ExpectedEffect(name="mail", node="payments", boundary="inbox")
    return inbox(effects=(*inbox().effects, mail), **changes)


def complete(work: str) -> Expectation:
    """As `inbox`; payments is declared with this work mode."""
    orders, payments = inbox().nodes
    return inbox(nodes=(orders, replace(payments, work=work)))


def through_a_queue() -> Expectation:
    """As `handed_off`, declared with a queue in place of the inbox."""
    declared = json.dumps(handed_off().to_json()).replace('"inbox"', '"queue:b"')
    return Expectation.from_json(json.loads(declared))


def claimed_again(after_s: float) -> Story:
    """The worker is killed over the work, with a claim of five seconds, and takes it up again so much later."""
    human, queue = inbox().boundaries
    story = Story(inbox(boundaries=(human, replace(queue, detect="lease", lease_s=5.0, target="payments"))))
    story.submit().accepted().attempts().killed().dropped().restarted()
    while story.events[-1].at_s < after_s:
        story.tell(Kind.CONNECT, where="client->orders")
    return settled(story.applies())


def waits_for_b(call: ExpectedCall) -> Story:
    """B is reached by nothing that a tap could see."""
    story = Story(handed_off(calls=(handed_off().calls[0], call))).submit().delivers("a")
    return settled(story.applies(effect="reserve", by="a").applies(by="b").accepted())


def sold(*effects: str, refused: bool = False) -> Story:
    """A saga that was accepted, and stopped after these effects; ship was refused before the last of them, or not."""
    story = Story(saga()).submit().accepted()
    for place, effect in enumerate(effects):
        if refused and place == len(effects) - 1:
            story.refuses()
        story.applies(effect=effect)
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
        sold("charge", "ship"),
        sold("charge", "refund", refused=True),
        sold("charge", "refund"),
    ],
    "P2": [settled(done()), keyed_retry(), rows_done()],
    "P3": [settled(done()), survived_kill(), keyed_retry(), unknown_then_ok(), rows_done()],
    "P4": [
        settled(Story(inbox()).submit().accepted().attempts().takes_effect(payload_nonce="nonce-of-w1")),
        settled(Story(inbox()).submit().rejected().submit().accepted().applies()),
        settled(Story(inbox()).submit().unknown().submit().rejected().applies()),
        settled(told_first().submit().unknown().applies(effect="reserve", by="a").applies(by="b")),
    ],
    "P5": [unknown_with(), unknown_with("reserve", "charge"), sold("charge", "refund", refused=True)],
    "P6": [
        done_by_b(at_b()),
        waited_too_long(late=True),
        lease_ran_out(after_s=5.0),
    ],
    "P9": [
        settled(Story(chain()).submit().delivers("a").replies("a").applies(effect="reserve").applies().accepted()),
        settled(Story(chain()).submit().replies("a", status=502, about=["w2"]).answers_with("1").submit()).answers_with(
            "1"
        ),
    ],
    "P10": [
        done_by_b(at_b()),
        settled(Story(inbox()).submit().accepted().attempts(payload="p").killed().applies(payload="p")),
    ],
    "P14": [
        multiplied(attempts=2),
        called(times=1),
        called(times=3, retries=2),
        discharged_then(attempts=1),
    ],
    "P11": [
        settled(
            Story(brokered()).submit().accepted().killed("broker", "reply orders w1").restarted("broker").applies()
        ),
    ],
    "P7": [settled(logged("charge").logs(w1=["charge"]).applies(effect="mail"))],
    "P8": [settled(Story(two_steps()).submit().accepted().carries("n1").killed().carries("n1"))],
    "P12": [
        settled(Story(inbox()).submit().accepted().applies(epoch=1).killed().attempts(epoch=2)),
        settled(Story(inbox()).submit().accepted().attempts(epoch=1).killed().dropped().applies(epoch=2)),
        settled(went_on("worker", 2)),
    ],
    "P13": [settled(poisoned().parks("w1").submit("w2").accepted("w2").applies("w2")).parks("w1")],
    "P15": [settled(done()), stuck("stranded")],
    "P17": [
        settled(Story(inbox()).submit().unknown().submit().accepted().applies()),
        settled(Story(inbox()).submit().unknown().submit().rejected()),
        settled(Story(undoing()).submit().unknown().submit().rejected().applies().applies(effect="refund")),
    ],
    "P18": [done_by_b(at_b()), settled(handed(True))],
    "P20": [
        done_by_b(at_b()),
        done_by_b(at_b().delivers("b", by="broker")),
        settled(Story(two_steps()).submit().accepted().applies().applies(effect="mail")),
        replayed(settled(Story(complete("inbox")).submit().accepted().applies())).accepted().quiet().ends(),
        replayed(settled(Story(complete("reexec")).submit().accepted().applies())).accepted().attempts().quiet().ends(),
        claimed_again(after_s=5.5),
    ],
    "P19": [
        settled(Story(inbox()).submit().accepted().looks("w1").looks("w1").applies().looks().looks()),
        settled(Story(inbox()).submit().accepted().looks("w1").looks().applies().looks()),
        settled(
            Story(ledger())
            .submit()
            .accepted()
            .looks("w1", charge={})
            .looks("w1", charge={})
            .looks(charge={"w1": 1})
            .looks(charge={"w1": 1})
        ),
    ],
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
        ("RT101", sold("charge")),
        ("RT101", settled(Story(saga()).submit().accepted().applies().refuses())),
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
        ("RT114", settled(told_first().submit().unknown().applies(by="b"))),
    ],
    "P5": [
        ("RT106", unknown_with("reserve")),
        ("RT106", unknown_with("charge")),
        ("RT113", sold("charge", "ship", "refund")),
    ],
    "P6": [
        ("RT301", done_by_b(at_b().submit().delivers("a").attempts(effect="reserve", by="a"))),
        ("RT301", waited_too_long(late=False)),
        ("RT301", lease_ran_out(after_s=1.0)),
        ("RT302", held_up()),
    ],
    "P9": [
        ("RT109", settled(Story(chain()).submit().delivers("a").replies("a", about=["w2"]).unknown())),
        ("RT109", settled(Story(inbox()).submit().answers_with("1", about=["w2"]).applies())),
        ("RT115", settled(Story(inbox()).submit().answers_with("1", borrowed=["w2"]).applies())),
        ("RT115", settled(Story(two_steps()).submit().accepted().applies().attempts(effect="mail", borrowed=["w2"]))),
        (
            "RT110",
            settled(
                Story(chain()).submit().applies(effect="reserve").applies().answers_with("1").submit().answers_with("2")
            ),
        ),
    ],
    "P10": [
        ("RT214", settled(Story(inbox()).submit().accepted().attempts(payload="p").killed().applies(payload="q"))),
        ("RT214", done_by_b(at_b().delivers("b", by="a", payload="q").delivers("b", by="a", payload="p"))),
        ("RT209", settled(Story(inbox()).submit().accepted().attempts(key="1").killed().dropped().applies(key="2"))),
    ],
    "P14": [
        ("RT210", multiplied(attempts=3)),
        ("RT210", called(times=2)),
        ("RT210", called(times=4, retries=2)),
        ("RT211", discharged_then(attempts=2)),
    ],
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
    "P7": [
        ("RT401", settled(logged("charge").logs(w1=["charge"]).attempts())),
        ("RT402", settled(logged().applies(effect="mail"))),
    ],
    "P8": [("RT403", settled(Story(two_steps()).submit().accepted().carries("n1").killed().carries("n2")))],
    "P12": [
        ("RT404", settled(Story(inbox()).submit().accepted().attempts(epoch=2).dropped().applies(epoch=1))),
        ("RT404", settled(taken_over())),
        ("RT405", settled(went_on("worker", 1))),
    ],
    "P13": [
        ("RT215", settled(poisoned())),
        ("RT216", settled(poisoned().submit("w2").accepted("w2")).parks("w1")),
    ],
    "P17": [
        ("RT111", settled(Story(inbox()).submit().applies().unknown().submit().rejected())),
        ("RT112", settled(Story(undoing()).submit().unknown().applies(effect="refund").applies().submit().rejected())),
    ],
    "P18": [("RT213", settled(handed(False)))],
    "P20": [
        ("RT501", settled(Story(inbox()).submit().accepted().applies(by="orders"))),
        ("RT502", done_by_b(at_b().delivers("a", by="b"))),
        ("RT502", waits_for_b(ExpectedCall(caller="client", callee="b"))),
        ("RT503", settled(Story(inbox()).submit().accepted().attempts(key="").killed().dropped().applies(key=""))),
        ("RT504", settled(Story(through_a_queue()).submit().delivers("b", by="a"))),
        ("RT504", waits_for_b(ExpectedCall(caller="a", callee="b"))),
        (
            "RT505",
            replayed(settled(Story(complete("inbox")).submit().accepted().applies())).accepted().attempts().quiet(),
        ),
        (
            "RT505",
            replayed(settled(Story(complete("log")).submit().accepted().applies())).accepted().attempts().quiet(),
        ),
        ("RT506", claimed_again(after_s=1.0)),
        ("RT507", settled(Story(two_steps()).submit().accepted().applies(effect="mail").applies())),
    ],
    "P19": [
        ("RT212", settled(Story(inbox()).submit().accepted().looks().looks().applies())),
        ("RT212", settled(Story(ledger()).submit().accepted().looks(charge={}).looks(charge={})).rows(w1=1)),
    ],
    "P16": [
        ("RT107", replayed(settled(done())).accepted().applies().quiet().ends()),
        ("RT107", replayed(rows_done()).accepted().quiet().rows(w1=2).ends()),
        ("RT108", replayed(settled(done())).rejected().quiet().ends()),
        ("RT108", replayed(settled(Story(inbox()).submit().rejected())).accepted().applies().quiet().ends()),
    ],
}
"""Histories that break the property, with the code that must be reported, once."""
