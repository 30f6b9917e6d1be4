"""What a property is to the judge: a record with a statement, its codes, and a function from evidence to judgement.

A property is a file in `harness.checks.properties` that defines `PROPERTY`; the registry finds it there, and its codes
with it. Nothing else has to change to add one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Literal

from harness.checks.evidence import Evidence
from harness.checks.verdict import PropertyVerdict, Verdict, Violation

__all__ = ["Code", "Judgement", "Property"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """A stable code and what `retrigger explain` says of it.

    code: `RT` and three digits: 1xx effects, 2xx triggers and boundaries, 3xx containment, 4xx engine. title: its name.
    means: what happened, for somebody who never heard of it.
    causes: the usual ones. fixes: what to change. exposed_by: the faults that show it.
    fate: what became of the work, in a word for tables; empty where the code is not about that.
    """

    code: str
    title: str
    means: str
    causes: tuple[str, ...]
    fixes: tuple[str, ...]
    exposed_by: tuple[str, ...]
    fate: str = ""


@dataclass(slots=True)
class Judgement:
    """What a check collects while it goes through the evidence.

    exercised: the boundaries in which the property was put to the test.
    violations: the facts that break it. doubts: (boundary, why) where the evidence does not decide.
    unexercised: what is said where nothing put it to the test. remark: what is said where it holds.
    """

    unexercised: str = "nothing in this case puts it to the test"
    remark: str = ""
    exercised: set[str] = field(default_factory=set)
    violations: list[Violation] = field(default_factory=list)
    doubts: list[tuple[str, str]] = field(default_factory=list)

    def verdict(self, name: str) -> PropertyVerdict:
        """The verdict that follows, over all and for each boundary."""
        broken = {violation.boundary for violation in self.violations}
        doubtful = {boundary for boundary, _ in self.doubts} - broken
        good = self.exercised - broken - doubtful
        return PropertyVerdict(
            property=name,
            verdict=self._overall(),
            why=self._why(),
            boundaries={
                **_each(good, Verdict.HOLDS),
                **_each(doubtful, Verdict.INCONCLUSIVE),
                **_each(broken, Verdict.VIOLATED),
            },
            violations=tuple(self.violations),
        )

    def _overall(self) -> Verdict:
        if self.violations:
            return Verdict.VIOLATED
        if self.doubts:
            return Verdict.INCONCLUSIVE
        return Verdict.HOLDS if self.exercised else Verdict.NOT_EXERCISED

    def _why(self) -> str:
        if self.violations:
            return self.violations[0].what
        if self.doubts:
            return self.doubts[0][1]
        return self.remark if self.exercised else self.unexercised


@dataclass(frozen=True, slots=True, kw_only=True)
class Property:
    """One line of the catalogue.

    id: `P2`. name: in three words. statement: what must be true.
    kind: `safety` (a prefix of the history breaks it, and nothing later mends that), `liveness` or `quiescence`
        (judged once nothing more can come).
    check: the function; None where the verdict follows from `derived_from`.
    specific: where two properties see the same fact at the same event, the one with the larger number reports it.
    codes: the codes that its violations carry.
    danger: it tells how near to harm the system came. Harm that was done is told before it.
    """

    id: str
    name: str
    statement: str
    kind: Literal["safety", "liveness", "quiescence"]
    check: Callable[[Evidence], Judgement] | None = None
    derived_from: tuple[str, ...] = ()
    specific: int = 0
    codes: tuple[Code, ...] = ()
    danger: bool = False


def _each(boundaries: Iterable[str], verdict: Verdict) -> dict[str, Verdict]:
    return dict.fromkeys(sorted(boundaries), verdict)
