"""A single fault, as one exact point of the model, and the sentences that people write for it.

A sentence is often less exact than a point: `crash F` is a crash anywhere in F, `crash B after D` leaves open whether a
step log had recorded the hand-off. So reading one yields *all* points it may mean, and the prediction is a range over
them.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from harness.boundaries.derive import Boundaries
from harness.boundaries.graph import Effect
from harness.boundaries.unfold import Call, Instance
from harness.errors import Problem, UsageError

__all__ = ["Fault", "Meaning", "Phase", "What", "phases", "read_fault", "steps_of"]

FORMS = (
    "crash NODE [before|during|after STEP]",
    "crash NODE before set",
    "pause NODE [before|during|after STEP]",
    "lose request|reply FROM->TO",
    "crash process PROCESS",
    "crash store KIND",
)


class What(StrEnum):
    """What happens at the point."""

    CRASH = "crash"
    """The handler dies in the given phase."""
    UNSET = "unset"
    """The callee dies before it has acknowledged or registered anything."""
    REQUEST_LOST = "request lost"
    """The call never arrives."""
    REPLY_LOST = "reply lost"
    """The call is done or set, its answer never arrives."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """How far an instance has come.

    complete: how many of its steps have taken place.
    logged: the last of them is also in its step log, where it keeps one.
    """

    complete: int = 0
    logged: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One exact fault.

    what: what happens.
    at: the instance that crashes; for a lost message the instance that the call leads to.
    phase: how far a crashing instance has come.
    dead: instances that die with it, because they share its process.
    """

    what: What
    at: str
    phase: Phase = Phase()
    dead: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """What a sentence says.

    text: the sentence.
    faults: the points it may mean.
    overlap: the old frame is only paused and may act on.
    several: it may hit more than one running instance at once.
    certain: it surely interrupts something; a restarted store may have held nothing.
    """

    text: str
    faults: tuple[Fault, ...]
    overlap: bool = False
    several: bool = False
    certain: bool = True


def phases(instance: Instance) -> tuple[Phase, ...]:
    """Every phase in which a handler can die, first to last."""
    after = (
        Phase(complete=done, logged=logged) for done in range(1, len(instance.steps) + 1) for logged in (False, True)
    )
    return (Phase(), *after)


def steps_of(instance: Instance) -> tuple[str, ...]:
    """The names of an instance's steps as a fault may call them."""
    return tuple(step.name if isinstance(step, Effect) else f"-> {step.name}" for step in instance.steps)


def read_fault(text: str, boundaries: Boundaries) -> Meaning:
    """Reads one sentence, for example `crash payments after charge` or `lose reply A->B`.

    Raises:
        UsageError: it is none of the forms, or names a node, step, process or edge that does not exist.
    """
    sentence = " ".join(text.split())
    for form, read in READERS:
        if match := form.fullmatch(sentence):
            meaning = read(boundaries, match)
            return replace(meaning, text=sentence, overlap=sentence.lower().startswith("pause"))
    raise _unreadable(
        f"cannot read the fault {text!r}", "\n".join(FORMS), text or "nothing", "write one of these forms"
    )


def _read_crash(boundaries: Boundaries, match: re.Match[str]) -> Meaning:
    faults: list[Fault] = []
    for instance in _instances_called(match["node"], boundaries):
        if match["when"] is None:
            faults += _anywhere(instance)
        elif match["step"] in ENTRY - {step.name for step in instance.steps} and match["when"].lower() == "before":
            faults.append(Fault(what=What.UNSET, at=instance.name))
        else:
            faults += (Fault(what=What.CRASH, at=instance.name, phase=phase) for phase in _around(instance, match))
    return Meaning(text="", faults=tuple(faults))


def _anywhere(instance: Instance) -> Iterator[Fault]:
    call = instance.call
    if call.src and not call.awaits and not call.triggered:
        # It acknowledges first and works then: whether it died before or after is exactly what nobody can see.
        yield Fault(what=What.UNSET, at=instance.name)
    yield from (Fault(what=What.CRASH, at=instance.name, phase=phase) for phase in phases(instance))


def _around(instance: Instance, match: re.Match[str]) -> tuple[Phase, ...]:
    """The phases that `before STEP`, `during STEP` or `after STEP [logged|not logged]` leaves open."""
    done = _place(instance, match["step"], is_call=bool(match["arrow"]))
    if done is None:
        return (Phase(),)
    before = Phase(complete=done)
    applied, logged = Phase(complete=done + 1, logged=False), Phase(complete=done + 1)
    match (match["when"].lower(), (match["log"] or "").lower()):
        case ("before", _):
            return (before,)
        case ("during", _):
            return (before, applied)
        case (_, "logged" | "journaled"):
            return (logged,)
        case (_, "" | "returned"):
            return (applied, logged)
        case _:
            return (applied,)


def _place(instance: Instance, name: str, *, is_call: bool) -> int | None:
    """How many steps come before the one of this name; None where it is only the beginning of all work."""
    steps = list(instance.steps)
    effects = [step for step in steps if isinstance(step, Effect)]
    if not is_call and (own := [effect for effect in effects if effect.name == name]):
        return steps.index(own[0])
    if len(callees := [call for call in instance.calls if name in _names_of_callee(call)]) == 1:
        return steps.index(callees[0])
    if name == "w" and len(effects) <= 1 and not is_call:
        # The post's nodes do one thing and then call; a node that declares no effect still does its own work first.
        return steps.index(effects[0]) if effects else None
    if name == "anything":
        return None
    raise _unreadable(
        f"{instance.name} has no step {name!r}",
        ", ".join(steps_of(instance)) or "no steps at all: say `crash " + instance.name + "`",
        name + _did_you_mean(name, [step.name for step in steps]),
        f"crash {instance.name} before|after STEP",
    )


def _names_of_callee(call: Call) -> tuple[str, ...]:
    """The step's own name, the instance, and the node, which is the instance up to its path."""
    return call.name, call.dst, call.dst.partition("@")[0]


def _read_loss(boundaries: Boundaries, match: re.Match[str]) -> Meaning:
    what = What.REQUEST_LOST if match["which"].lower() == "request" else What.REPLY_LOST
    found = [call for call in boundaries.calls if _is_between(boundaries, call, match["src"], match["dst"])]
    if not found:
        known = [call.key for call in boundaries.calls]
        given = f"{match['src']}->{match['dst']}"
        raise _unreadable(f"there is no edge {given}", ", ".join(known), given + _did_you_mean(given, known), FORMS[3])
    return Meaning(text="", faults=tuple(Fault(what=what, at=call.dst) for call in found))


def _is_between(boundaries: Boundaries, call: Call, src: str, dst: str) -> bool:
    instances = boundaries.instances
    sources = {call.src, instances[call.src].node.name} if call.src else {"client", "human", "caller"}
    return src in sources and dst in {call.dst, call.name, instances[call.dst].node.name}


def _read_process(boundaries: Boundaries, match: re.Match[str]) -> Meaning:
    process = match["name"]
    inside = [instance for instance in boundaries.instances.values() if instance.node.process == process]
    if not inside:
        known = sorted({instance.node.process for instance in boundaries.instances.values()})
        raise _unreadable(f"no node runs in a process {process!r}", ", ".join(known), process, "crash process PROCESS")
    names = frozenset(instance.name for instance in inside)
    faults = (
        Fault(what=fault.what, at=fault.at, phase=fault.phase, dead=names) for one in inside for fault in _anywhere(one)
    )
    return Meaning(text="", faults=tuple(faults), several=len(inside) > 1)


def _read_store(boundaries: Boundaries, match: re.Match[str]) -> Meaning:
    kinds = {boundary.target: boundary.trigger.kind for boundary in boundaries.boundaries}
    held = [boundaries.instances[target] for target, kind in kinds.items() if kind == match["name"]]
    if not held:
        known = ", ".join(sorted(set(kinds.values()))) or "no triggers at all"
        raise _unreadable(f"no trigger of kind {match['name']!r} is set", known, match["name"], "crash store KIND")
    faults = tuple(fault for instance in held for fault in _anywhere(instance))
    return Meaning(text="", faults=faults, several=True, certain=False)


def _instances_called(name: str, boundaries: Boundaries) -> list[Instance]:
    """The instance of this name, otherwise all instances of the node of this name."""
    if name in boundaries.instances:
        return [boundaries.instances[name]]
    found = [instance for instance in boundaries.instances.values() if instance.node.name == name]
    if not found:
        known = list(boundaries.instances)
        raise _unreadable(
            f"there is no node {name!r}", ", ".join(known), name + _did_you_mean(name, known), "crash NODE"
        )
    return found


def _did_you_mean(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f" (did you mean {close[0]}?)" if close else ""


def _unreadable(what: str, expected: str, got: str, fix: str) -> UsageError:
    return UsageError(Problem(what=what, where="--fault", expected=expected, got=got, fix=fix))


ENTRY = {"set", "ack", "registration"}
"""What a callee does before anything else, where the work is not simply awaited."""

_DEATH = r"(?:crash|kill|pause) "
_LOG = r"(?: (?P<log>returned|logged|journaled|unlogged|not logged|not journaled))?"
READERS = tuple(
    (re.compile(form, re.IGNORECASE), read)
    for form, read in (
        (_DEATH + r"(?P<node>\S+)(?: anywhere)?(?P<when>never)?", _read_crash),
        (_DEATH + r"process (?P<name>\S+)", _read_process),
        (_DEATH + r"store (?P<name>\S+)", _read_store),
        (
            _DEATH + r"(?P<node>\S+) (?P<when>before|during|after) ?(?P<arrow>->)? ?(?P<step>[^\s>]+)" + _LOG,
            _read_crash,
        ),
        (r"lose (?P<which>request|reply|response) (?P<src>[^\s>]+?) ?-> ?(?P<dst>\S+)", _read_loss),
    )
)
