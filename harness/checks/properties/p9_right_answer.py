"""P9: the answer to a request derives from that request, and a repeat of it is answered alike.

Three things can be seen of an answer without knowing what it means: whose work it names, by id or by the nonce that
went in with it; whose results it passes on, by the nonces that the world has answered with; and whether two answers are
the same. An answer that names nobody says nothing here. What an attempt carries on are results as well.
"""

from __future__ import annotations

from collections.abc import Iterator

from harness.checks.evidence import Evidence, Trail
from harness.checks.property import Code, Judgement, Property
from harness.checks.sight import at_node
from harness.checks.verdict import Violation
from harness.history import Event, Kind

__all__ = ["PROPERTY"]

MISTAKEN = Code(
    code="RT109",
    title="answer to another request",
    means="A request for one piece of work got an answer that names another piece of work, and not the one that was "
    "asked for. Whoever asked now believes something about the wrong work.",
    causes=(
        "answers are matched to requests by order, or by a correlation id that is used again",
        "an answer that came late, after its request had been given up, is taken for the answer to the next one",
        "one variable holds the current request, and two requests are under way",
    ),
    fixes=(
        "carry the id of the work in the answer, and compare it",
        "make a correlation id new for each request, and store it before the request is sent",
    ),
    exposed_by=("blackhole reply at @deliver", "kill of the requester at @reply", "two works at once"),
)
UNLIKE = Code(
    code="RT110",
    title="repeat is answered with other content",
    means="A call that its caller waits for was answered ok twice for the same piece of work, with different content. "
    "The result depends on which of the two answers got through.",
    causes=(
        "the work is done anew for a repeat, and what it yields is new: another number, another time, another balance",
        "the stored answer is not the one that was given, but is made again from data that has changed",
    ),
    fixes=("store the answer with the key, in the transaction of the work, and give that",),
    exposed_by=("cut reply at @deliver", "no fault at all: everything is submitted again in the end"),
)
BORROWED = Code(
    code="RT115",
    title="result of another work",
    means="What was passed on for one piece of work holds the result of an effect of another one, where its own result "
    "of that effect belongs. Whoever goes by it acts on the wrong work.",
    causes=(
        "results are kept by function, step or customer, and not by piece of work",
        "the last result that came is given to whoever asks next",
        "a fall-back stands in for an answer that did not come",
    ),
    fixes=(
        "key every result that is kept by the work it belongs to",
        "fail where there is no answer; do not guess one",
    ),
    exposed_by=("no fault at all: two works", "cut request at @recv of one of two works"),
)


def check(evidence: Evidence) -> Judgement:
    """Looks at every good answer at a tap, and at every one that the client got."""
    judgement = Judgement(unexercised="no answer names a piece of work, and no work was answered ok twice")
    for trail in evidence.works.values():
        _judge_names(evidence, trail, judgement)
        _judge_results(evidence, trail, judgement)
        if evidence.expectation.awaited and not _may_differ(evidence):
            _judge_likeness(evidence, trail, judgement)
    return judgement


def _judge_names(evidence: Evidence, trail: Trail, judgement: Judgement) -> None:
    for place, node in _answers(evidence, trail):
        about = evidence.events[place].data.get("about", ())
        if trail.work in about:
            judgement.exercised.add(_boundary(evidence, node))
        elif about:
            judgement.violations.append(_mistaken(evidence, trail, place, node, ", ".join(about)))
            return


def _judge_results(evidence: Evidence, trail: Trail, judgement: Judgement) -> None:
    declared = [(effect.node, trail.attempts.get(name, ())) for name, effect in evidence.effects.items()]
    attempts = [(place, node) for node, places in declared for place in places]
    for place, node in sorted([*_answers(evidence, trail), *attempts]):
        if others := evidence.events[place].data.get("borrowed", ()):
            judgement.violations.append(_borrowed(evidence, trail, place, node, ", ".join(others)))
            return


def _answers(evidence: Evidence, trail: Trail) -> Iterator[tuple[int, str]]:
    """The good answers for a work, each with the node that gave it."""
    for place in sorted([*trail.answers, *(place for places in trail.replies.values() for place in places)]):
        event = evidence.events[place]
        if event.kind is Kind.REPLY and 200 <= int(event.data.get("status") or 0) < 300:
            yield place, str(event.data.get("node", ""))
        elif _is_ok(event):
            yield place, evidence.expectation.submit_node


def _is_ok(event: Event) -> bool:
    return event.kind is Kind.ANSWER and event.data.get("outcome") == "ok"


def _boundary(evidence: Evidence, node: str) -> str:
    return evidence.boundary_of_node(node)


def _may_differ(evidence: Evidence) -> bool:
    """Where a repeated effect is declared harmless, what it yields may be new each time."""
    return any(evidence.effects[name].duplicates == "tolerable" for name in evidence.expectation.awaited)


def _judge_likeness(evidence: Evidence, trail: Trail, judgement: Judgement) -> None:
    oks = [place for place in trail.answers if _is_ok(evidence.events[place])]
    payloads = [evidence.events[place].data.get("payload") for place in oks]
    if len(oks) < 2 or None in payloads:
        return
    node = evidence.expectation.submit_node
    judgement.exercised.add(_boundary(evidence, node))
    other = next((place for place, payload in zip(oks, payloads, strict=True) if payload != payloads[0]), None)
    if other is not None:
        judgement.violations.append(_unlike(evidence, trail, oks[0], other, node))


def _mistaken(evidence: Evidence, trail: Trail, place: int, node: str, about: str) -> Violation:
    return at_node(
        evidence,
        trail,
        node,
        (place,),
        code=MISTAKEN.code,
        prop=PROPERTY.id,
        what=f"{node} was asked for work {trail.work} and answered with {about}",
        expected=f"an answer about {trail.work}",
        got=f"one about {about}",
        likely="answers are matched to requests by something that is used again",
        kind="mistaken",
    )


def _borrowed(evidence: Evidence, trail: Trail, place: int, node: str, others: str) -> Violation:
    return at_node(
        evidence,
        trail,
        node,
        (place,),
        code=BORROWED.code,
        prop=PROPERTY.id,
        what=f"what {node} passes on for work {trail.work} holds a result of {others}",
        expected=f"results of {trail.work}",
        got=f"one of {others}",
        likely="results are kept by something that two works have in common",
        kind="borrowed",
    )


def _unlike(evidence: Evidence, trail: Trail, first: int, other: int, node: str) -> Violation:
    return at_node(
        evidence,
        trail,
        node,
        (first, other),
        code=UNLIKE.code,
        prop=PROPERTY.id,
        what=f"work {trail.work} was answered ok twice, and the answers are not the same",
        expected="the first answer again",
        got="other content",
        likely="the answer is made anew for a repeat, not stored",
        kind="answers",
    )


PROPERTY = Property(
    id="P9",
    name="right answer to the right request",
    statement="the answer for a work derives from that work; duplicates are answered alike",
    kind="safety",
    check=check,
    specific=50,
    codes=(MISTAKEN, UNLIKE, BORROWED),
)
