"""The closed vocabulary of network faults, as data.

Each row says how Toxiproxy brings the fault about and what must then be true on both ends: did the callee execute, and
what does the caller see. `harness.network.selftest` proves every row against the server at hand before a run relies
on it, and `docs/toxiproxy.md` prints this table. Toxicity is always 1 and jitter always 0: Toxiproxy's own dice
cannot be seeded, so a plan that used them would not replay.

Every toxic works per connection. With keep-alive it also meets a connection that was opened for an earlier request, so
a case that aims at one request uses a fresh connection for it. `reset_peer` sends RST only on connections that were
opened while it was there; older ones get a plain end of stream.

Left out: what needs to know the content (duplicates, reordering, "after COMMIT"). That is the tap's and the world's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Literal

from harness.errors import FaultError, Problem

__all__ = ["FAULTS", "Amount", "Executes", "Fault", "Passed", "Sees", "Toxic", "fault_named", "table_markdown"]

Stream = Literal["upstream", "downstream"]


class Executes(StrEnum):
    """Does the callee execute the request that met the fault?"""

    YES = "yes"
    NO = "no"
    LATER = "later"
    """Once the fault is removed, after the caller gave up."""
    MAYBE = "maybe"
    """It depends on how much of the request the callee needs."""


class Sees(StrEnum):
    """What the caller gets to see."""

    ANSWER = "answer"
    REFUSED = "connection refused"
    EOF = "EOF"
    RESET = "RST"
    SILENCE = "silence"
    """Nothing until its own time limit."""
    TORN = "torn answer"
    """Some bytes, then the end of the stream: a protocol error."""
    LATE = "late answer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Amount:
    """The one number that a fault may be given.

    name: how callers say it, with its unit.
    attribute: what Toxiproxy calls it.
    scale: Toxiproxy's unit per unit of `name` (1000 where seconds become milliseconds).
    default: in units of `name`.
    """

    name: str
    attribute: str
    scale: float
    default: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Toxic:
    """What Toxiproxy is asked for. Units are Toxiproxy's own: milliseconds, bytes, KB/s, microseconds."""

    name: str
    type: str
    stream: Stream
    attributes: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One row of the table.

    name: how the rooms call it, e.g. `reply lost`.
    words: the verb (and direction) that a plan uses for it, e.g. `cut reply`.
    toxic: the toxic's type; empty where the proxy itself is disabled.
    stream: the direction that the toxic acts on: upstream carries the request, downstream the reply.
    attributes: fixed attributes of the toxic, in Toxiproxy's units.
    amount: the one attribute that may be chosen.
    executes: did the callee execute the request?
    sees: what the caller of that request sees.
    """

    name: str
    words: str
    toxic: str = ""
    stream: Stream = "upstream"
    attributes: Mapping[str, int] = field(default_factory=dict)
    amount: Amount | None = None
    executes: Executes
    sees: Sees

    def toxic_with(self, amounts: Mapping[str, float]) -> Toxic:
        """The toxic for these amounts, e.g. `{"delay_s": 0.05}`.

        Raises:
            FaultError: the fault takes no such amount.
        """
        attributes = dict(self.attributes)
        taken = {self.amount.name: self.amount.default} if self.amount else {}
        for name, value in {**taken, **amounts}.items():
            if self.amount is None or name != self.amount.name or value < 0:
                raise FaultError(_wrong_amount(self, name, value))
            attributes[self.amount.attribute] = round(value * self.amount.scale)
        return Toxic(name=self.name.replace(" ", "-"), type=self.toxic, stream=self.stream, attributes=attributes)

    @property
    def provable(self) -> bool:
        """Whether the fault takes bytes away, which the proxy's counters can prove."""
        return self.toxic in ("limit_data", "reset_peer", "timeout")

    def proof(self, passed: Passed) -> str:
        """The sentence that proves from byte counts that this fault took bytes away, or empty where they do not.

        Args:
            passed: what went through the link while the fault was there.
        """
        if not self.provable:
            return ""
        request = self.stream == "upstream"
        came, left = (passed.request_in, passed.request_out) if request else (passed.reply_in, passed.reply_out)
        if came <= left:
            return ""
        return f"{came} bytes of the {'request' if request else 'reply'} entered the proxy, {left} left it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """Bytes that went through a link, counted when a connection ends.

    request_in: from the caller into the proxy; request_out: from the proxy to the callee.
    reply_in: from the callee into the proxy; reply_out: from the proxy to the caller.
    """

    request_in: int = 0
    request_out: int = 0
    reply_in: int = 0
    reply_out: int = 0

    def __sub__(self, earlier: Passed) -> Passed:
        """What passed since `earlier`."""
        return Passed(
            request_in=self.request_in - earlier.request_in,
            request_out=self.request_out - earlier.request_out,
            reply_in=self.reply_in - earlier.reply_in,
            reply_out=self.reply_out - earlier.reply_out,
        )


def _by_name(faults: Iterable[Fault]) -> Mapping[str, Fault]:
    return MappingProxyType({fault.name: fault for fault in faults})


_KEEP = Amount(name="keep_bytes", attribute="bytes", scale=1, default=20)
_DELAY = Amount(name="delay_s", attribute="latency", scale=1000, default=0.03)
_RATE = Amount(name="rate_bytes_per_s", attribute="rate", scale=1 / 1000, default=2000)
_SLICE = Amount(name="slice_delay_s", attribute="delay", scale=1_000_000, default=0.003)

FAULTS: Mapping[str, Fault] = _by_name(
    [
        Fault(name="refused", words="refuse", executes=Executes.NO, sees=Sees.REFUSED),
        Fault(
            name="request lost",
            words="cut request",
            toxic="limit_data",
            attributes={"bytes": 0},
            executes=Executes.NO,
            sees=Sees.EOF,
        ),
        Fault(
            name="request reset",
            words="reset request",
            toxic="reset_peer",
            attributes={"timeout": 0},
            executes=Executes.NO,
            sees=Sees.RESET,
        ),
        Fault(
            name="request blackholed",
            words="blackhole request",
            toxic="timeout",
            attributes={"timeout": 0},
            executes=Executes.NO,
            sees=Sees.SILENCE,
        ),
        Fault(
            name="reply lost",
            words="cut reply",
            toxic="limit_data",
            stream="downstream",
            attributes={"bytes": 0},
            executes=Executes.YES,
            sees=Sees.EOF,
        ),
        Fault(
            name="reply reset",
            words="reset reply",
            toxic="reset_peer",
            stream="downstream",
            attributes={"timeout": 0},
            executes=Executes.YES,
            sees=Sees.RESET,
        ),
        Fault(
            name="reply blackholed",
            words="blackhole reply",
            toxic="timeout",
            stream="downstream",
            attributes={"timeout": 0},
            executes=Executes.YES,
            sees=Sees.SILENCE,
        ),
        Fault(
            name="held",
            words="hold",
            toxic="bandwidth",
            attributes={"rate": 0},
            executes=Executes.LATER,
            sees=Sees.SILENCE,
        ),
        Fault(
            name="torn request",
            words="tear request",
            toxic="limit_data",
            amount=_KEEP,
            executes=Executes.MAYBE,
            sees=Sees.EOF,
        ),
        Fault(
            name="torn reply",
            words="tear reply",
            toxic="limit_data",
            stream="downstream",
            amount=_KEEP,
            executes=Executes.YES,
            sees=Sees.TORN,
        ),
        Fault(
            name="slow",
            words="slow",
            toxic="latency",
            stream="downstream",
            attributes={"jitter": 0},
            amount=_DELAY,
            executes=Executes.YES,
            sees=Sees.LATE,
        ),
        Fault(
            name="slow trickle",
            words="trickle",
            toxic="bandwidth",
            stream="downstream",
            amount=_RATE,
            executes=Executes.YES,
            sees=Sees.LATE,
        ),
        Fault(
            name="slow slices",
            words="slice",
            toxic="slicer",
            stream="downstream",
            attributes={"average_size": 10, "size_variation": 0},
            amount=_SLICE,
            executes=Executes.YES,
            sees=Sees.LATE,
        ),
    ]
)


def fault_named(name: str) -> Fault:
    """The fault of this name, or of these words of a plan.

    Raises:
        FaultError: there is no such fault.
    """
    for fault in FAULTS.values():
        if name in (fault.name, fault.words):
            return fault
    known = ", ".join(FAULTS)
    raise FaultError(Problem(what="There is no network fault of that name.", expected=f"one of {known}", got=name))


def table_markdown() -> str:
    """The table as Markdown, for the documentation."""
    lines = [
        "| name | in a plan | toxic | did the callee execute? | the caller sees |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {fault.name} | `{fault.words}` | {_mechanism(fault)} | {fault.executes} | {fault.sees} |"
        for fault in FAULTS.values()
    ]
    return "\n".join(lines) + "\n"


def _mechanism(fault: Fault) -> str:
    if not fault.toxic:
        return "`enabled=false`"
    attributes = [f"{key}={value}" for key, value in fault.attributes.items()]
    if fault.amount:
        attributes.append(f"{fault.amount.attribute} from {fault.amount.name}")
    return f"`{fault.toxic} {' '.join(attributes)}` {fault.stream}"


def _wrong_amount(fault: Fault, name: str, value: float) -> Problem:
    expected = f"{fault.amount.name} >= 0" if fault.amount else "no amount"
    return Problem(what=f"The fault `{fault.name}` was given a wrong amount.", expected=expected, got=f"{name}={value}")
