"""A fault plan: pure data, written in words, the same in files, on the command line and in reports.

A fault is a verb, a target, and the logical point where it strikes; never a time. `parse_fault` and `str` are inverse.

    kill worker @recv charge w1                       the process, when the world has received w1's first charge
    cut reply client->orders @deliver orders w1 #2    that answer never arrives; the callee did execute
    pause worker @applied charge w1 until detect      longer than the declared detection takes
    blackhole request relay->broker @deliver orders w1
    poison worker->world @recv charge w1              the partner fails for w1, now and whenever it is asked again
    poison worker->world @recv charge w1 until detect     for a while
    reject shipping->world @recv ship w1              the partner refuses w1's shipping, now and for good

Points are `@recv EFFECT WORK`, `@applied EFFECT WORK` (the world), `@deliver NODE WORK`, `@reply NODE WORK` (the taps),
`@submit WORK`, `@answer WORK` (the client), `@ready PROCESS`, and `@quiet`, when all work is done and nothing moves any
more. `#n` is the ordinal, 1 where it is left out. NODE may be left out of a fault on a link `a->b` to a node named `b`.

The human at the edge is a part of the system that can do wrong like any other:

    click twice @submit w1                            two requests at once, under one key
    give up @deliver orders w1                        he stops waiting, and does not click again
    new key @submit w1 #2                             his second click is another order, as far as anybody can tell
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from typing import Any

from harness.errors import Problem, UsageError

__all__ = [
    "HUMAN_ACTS",
    "LINK_VERBS",
    "NO_FAULTS",
    "PROCESS_VERBS",
    "SYSCALLS",
    "Fault",
    "Plan",
    "Point",
    "parse_fault",
]

PROCESS_VERBS = ("kill", "terminate", "pause", "replace")
KILLS = ("kill", "replace")
DIRECTED_VERBS = ("cut", "reset", "blackhole")
LINK_VERBS = (*DIRECTED_VERBS, "refuse", "dup", "hold", "reject", "poison")
HUMAN_ACTS = {"click": "twice", "give": "up", "new": "key"}
"""What the human does, in two words; the second stands where others have their target."""
NO_FAULTS = "no faults"
POINTS_WITH_PLACE = ("recv", "applied", "deliver", "reply")
POINTS_OF_TAPS = ("deliver", "reply")
POINTS_OF_WORK = ("submit", "answer")
POINTS_OF_WAITING = ("deliver", "reply", "recv", "applied", "answer")
SCOPES = ("", "child", "parent")
SYSCALLS = ("write", "pwrite64", "fsync", "fdatasync", "rename", "unlink", "sendto")
"""The calls of the kernel at which a process can be killed: what makes something durable, or tells of it."""

_ID_ALPHABET = "0123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_GRAMMAR = re.compile(
    r"(?P<verb>[a-z]+)(?: (?P<direction>request|reply))? (?P<target>[^\s@]+)"
    r" @(?P<point>[a-z]+)(?: (?P<args>.+?))??(?: #(?P<n>[1-9]\d*))?"
    r"(?: until (?P<until>death|(?:detect|lease|timeout|patience)(?:\+\d+(?:\.\d+)?)?))?(?P<late> late)?"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A place in the logic of a case where the harness can make the system wait.

    name: recv | applied | deliver | reply | submit | answer | ready | quiet | syscall.
    where: the effect, node, process or system call; empty for submit, answer and quiet.
    work: the work key; empty for ready, quiet and syscall.
    n: the ordinal of that arrival, from 1; of a system call, in a thread of its process once work has been submitted.
    """

    name: str
    where: str = ""
    work: str = ""
    n: int = 1

    def __str__(self) -> str:
        words = " ".join(word for word in (f"@{self.name}", self.where, self.work) if word)
        return words if self.n == 1 else f"{words} #{self.n}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that goes wrong, and where.

    verb: what happens; see `retrigger list faults`.
    target: a process, `process/child`, `process/parent`, a resource, a link `user->target`, or the second word of what
    the human does.
    point: the logical point where it strikes.
    direction: request or reply, for verbs that act on one direction of a link.
    until: when it is undone: `detect`, `lease`, `timeout`, `patience`, each with `+seconds`; `death`, of the process
    that uses the link; empty: as soon as it is proven, or after `detect` where that would be at once.
    late: a call held at this point is applied although its caller was killed.
    """

    verb: str
    target: str
    point: Point
    direction: str = ""
    until: str = ""
    late: bool = False

    @property
    def family(self) -> str:
        """The kind of fault and gap, for counting what landed: `kill @recv`, `cut reply @deliver`."""
        return f"{self.action} @{self.point.name}"

    @property
    def action(self) -> str:
        """What happens, whatever it strikes: `kill`, `cut reply`, `give up`."""
        return f"{self.verb} {HUMAN_ACTS.get(self.verb, self.direction)}".strip()

    @property
    def process(self) -> str:
        """The process or resource that a process fault strikes."""
        return self.target.partition("/")[0]

    def __str__(self) -> str:
        words = " ".join(word for word in (self.verb, self.direction, self.target, str(self.point)) if word)
        return words + (f" until {self.until}" if self.until else "") + (" late" if self.late else "")


def parse_fault(text: str) -> Fault:
    """Reads a fault in words.

    Raises:
        UsageError: the words are not a fault; says which part was not understood.
    """
    match = _GRAMMAR.fullmatch(" ".join(text.split()))
    if match is None:
        raise _misread(text, "VERB [request|reply] TARGET @POINT [PLACE] WORK [#N] [until detect]", text)
    verb, direction, target = match["verb"], match["direction"] or "", match["target"]
    if verb in HUMAN_ACTS:
        return _human(text, match)
    acts = tuple(" ".join(act) for act in HUMAN_ACTS.items())
    _require(verb in PROCESS_VERBS + LINK_VERBS, text, "one of " + ", ".join(PROCESS_VERBS + LINK_VERBS + acts), verb)
    is_link = "->" in target
    _require(is_link == (verb in LINK_VERBS), text, "a link `a->b`" if verb in LINK_VERBS else "a process", target)
    _require(
        bool(direction) == (verb in DIRECTED_VERBS), text, f"`{verb} request` or `{verb} reply`", direction or verb
    )
    args = (match["args"] or "").split()
    if is_link and match["point"] in POINTS_OF_TAPS and len(args) == 1:
        args = [target.partition("->")[2], *args]
    point = _point(text, match["point"], args, int(match["n"] or 1))
    _require(is_link or target.partition("/")[2] in SCOPES, text, "PROCESS, PROCESS/child or PROCESS/parent", target)
    _require(point.name != "syscall" or (verb == "kill" and "/" not in target), text, "kill PROCESS @syscall", text)
    _require(verb != "dup" or point.name == "deliver", text, "dup A->B @deliver NODE WORK", f"@{point.name}")
    _require(verb != "poison" or point.name == "recv", text, "poison A->world @recv EFFECT WORK", f"@{point.name}")
    obstructs = verb in (*DIRECTED_VERBS, "refuse")
    _require(match["until"] != "death" or obstructs, text, "until death with blackhole, cut, reset or refuse", verb)
    _require(verb != "reject" or point.name == "recv", text, "reject A->world @recv EFFECT WORK", f"@{point.name}")
    late = bool(match["late"])
    _require(not late or (point.name == "recv" and verb in KILLS), text, "kill PROCESS @recv EFFECT WORK late", text)
    return Fault(
        verb=verb,
        direction=direction,
        target=target,
        point=point,
        until=match["until"] or "",
        late=late,
    )


def _human(text: str, match: re.Match[str]) -> Fault:
    """What the human does: at his click, or while he waits for what comes of it."""
    verb, target = match["verb"], match["target"]
    point = _point(text, match["point"], (match["args"] or "").split(), int(match["n"] or 1))
    where = POINTS_OF_WAITING if verb == "give" else ("submit",)
    _require(target == HUMAN_ACTS[verb], text, f"{verb} {HUMAN_ACTS[verb]} @POINT", f"{verb} {target}")
    _require(point.name in where, text, " or ".join(f"@{name}" for name in where), f"@{point.name}")
    _require(not (match["direction"] or match["until"] or match["late"]), text, f"{verb} {target} {point}", text)
    return Fault(verb=verb, target=target, point=point)


def _point(text: str, name: str, args: list[str], n: int) -> Point:
    if name in POINTS_WITH_PLACE:
        _require(len(args) == 2, text, f"@{name} PLACE WORK", " ".join(args))
        return Point(name=name, where=args[0], work=args[1], n=n)
    if name in POINTS_OF_WORK:
        _require(len(args) == 1, text, f"@{name} WORK", " ".join(args))
        return Point(name=name, work=args[0], n=n)
    if name == "quiet":
        _require(not args, text, "@quiet", " ".join(args))
        return Point(name=name, n=n)
    if name == "syscall":
        _require(len(args) == 1 and args[0] in SYSCALLS, text, f"@syscall {'|'.join(SYSCALLS)}", " ".join(args))
        return Point(name=name, where=args[0], n=n)
    points = "@recv @applied @deliver @reply @submit @answer @ready PROCESS, @syscall CALL or @quiet"
    _require(name == "ready" and len(args) == 1, text, points, f"@{name} {' '.join(args)}")
    return Point(name=name, where=args[0], n=n)


def _require(holds: bool, text: str, expected: str, got: str) -> None:
    if not holds:
        raise _misread(text, expected, got)


def _misread(text: str, expected: str, got: str) -> UsageError:
    return UsageError(
        Problem(
            what=f"not a fault: {text!r}", expected=expected, got=got, fix="retrigger list faults   shows every form"
        )
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One case to run: which works are submitted and which faults strike.

    system: the name in the manifest.
    works: how many pieces of work; their keys are w1, w2, ...
    faults: in the order in which they are armed.
    manifest: where the system is described, so that a plan file replays by itself; not part of the identity.
    """

    system: str
    works: int = 2
    faults: tuple[Fault, ...] = ()
    manifest: str = field(default="", compare=False)

    @property
    def id(self) -> str:
        """Six letters and digits from the hash of the plan's canonical JSON."""
        identity = {"system": self.system, "works": self.works, "faults": [str(fault) for fault in self.faults]}
        number = int.from_bytes(hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).digest()[:8], "big")
        letters = []
        for _ in range(6):
            number, digit = divmod(number, len(_ID_ALPHABET))
            letters.append(_ID_ALPHABET[digit])
        return "".join(letters)

    @property
    def family(self) -> str:
        """The families of its faults, in a fixed order: `kill @recv`; `no faults` where there are none."""
        return " and ".join(sorted({fault.family for fault in self.faults})) or NO_FAULTS

    @property
    def work_keys(self) -> tuple[str, ...]:
        """w1, w2, ..."""
        return tuple(f"w{number}" for number in range(1, self.works + 1))

    def __str__(self) -> str:
        return " + ".join(str(fault) for fault in self.faults) or "no faults"

    def to_json(self) -> dict[str, Any]:
        """The plan as it stands in a plan file."""
        faults = [str(fault) for fault in self.faults]
        return {
            "spec": 1,
            "id": self.id,
            "system": self.system,
            "works": self.works,
            "faults": faults,
            "manifest": self.manifest,
        }

    @staticmethod
    def from_json(record: dict[str, Any]) -> Plan:
        """Reads a plan file's content.

        Raises:
            UsageError: a key is missing or a fault cannot be read.
        """
        try:
            faults = tuple(parse_fault(text) for text in record["faults"])
            works, manifest = int(record["works"]), record.get("manifest", "")
            if works < 1:
                raise ValueError(f"works = {works}, and there must be one at least")
            return Plan(system=record["system"], works=works, faults=faults, manifest=manifest)
        except (KeyError, TypeError, ValueError) as error:
            raise UsageError(
                Problem(
                    what="not a plan file",
                    expected='{"system": .., "works": 2, "faults": ["kill ..."]}',
                    got=repr(error),
                )
            ) from error
