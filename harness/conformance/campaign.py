"""What a campaign runs: systems, plans, their order; the same list in every worker, computed from options alone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harness.errors import Problem, UsageError
from harness.manifest.model import Manifest
from harness.plans.aim import check_aim
from harness.plans.common import TERMS, common
from harness.plans.compound import compound, pairs
from harness.plans.gaps import core, plan_of, single
from harness.plans.model import Plan, parse_fault
from harness.plans.shrink import ORDINARY_WORKS
from harness.plans.sweep import needs_strace, sweep, writes
from harness.runner.system import System, open_system
from harness.targets.trace import can_trace

__all__ = ["EXPLORATIONS", "NOT_TESTED", "TRACED", "Campaign", "Chunk", "seconds_of", "shard_of", "usual"]

TRACED = {"writes": writes, "sweep": sweep}
"""Those that are nothing without strace."""
ENUMERATIONS = {"core": core, "single": single, "compound": compound, "pairs": pairs, **TRACED}
EXPLORATIONS = (*ENUMERATIONS, "common", "random")
CHUNK = 10
NOT_TESTED = (
    "power loss and missing fsync (a kill keeps the page cache)",
    "disk corruption",
    "clock jumps",
    "faults inside third parties",
    "races without a rendezvous",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """Plans that are run by one test: one plan, or a number of random ones that Hypothesis draws.

    system: name. plan: the one plan, or None. examples: how many to draw. seed: of the draw.
    """

    system: str
    plan: Plan | None = None
    examples: int = 0
    seed: int = 0

    @property
    def id(self) -> str:
        """What pytest calls it, for `-k`."""
        if self.plan is None:
            return f"{self.system}-random-{self.seed}"
        return f"{self.system}-{self.plan.family}-{self.plan.id}"

    @property
    def family(self) -> str:
        """The family of its plan; random ones are a family a chunk."""
        return self.plan.family if self.plan else f"random {self.seed}"


@dataclass(frozen=True, kw_only=True)
class Campaign:
    """One call of `retrigger run`.

    manifests: files or folders. explore: one or more of core, single, compound, pairs, writes, sweep, common (what
    `retrigger compare` goes by), with commas between; or random.
    effect: for `common`: what the worker's faults are about; empty for what each graph suggests.
    seed, examples: of random plans.
    only: ids of plans, where not all are wanted. faults: one plan given in words instead of an exploration.
    budget_s: no case is begun after so many seconds. out: folder of plans, histories and reports.
    image: of containers in which to run the processes; empty for what the manifests say.
    works: pieces of work in each case. shard: (i, n), every n-th chunk beginning with the i-th, from 1.
    baseline: the file of known failures; empty for none.
    """

    manifests: tuple[str, ...]
    explore: str = "single"
    seed: int = 0
    examples: int = 100
    only: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()
    budget_s: float | None = None
    out: str = "build/retrigger"
    works: int = 2
    image: str = ""
    shard: tuple[int, int] = (1, 1)
    baseline: str = ""
    effect: str = ""

    def __post_init__(self) -> None:
        chosen = self.explore.split(",")
        if not set(chosen) <= set(EXPLORATIONS) or (len(chosen) > 1 and "random" in chosen):
            fix = "--explore single   or   --explore single,compound"
            raise UsageError(
                Problem(what="no such exploration", expected=", ".join(EXPLORATIONS), got=self.explore, fix=fix)
            )
        first, of = self.shard
        if not 1 <= first <= of:
            raise UsageError(Problem(what="no such shard", expected="1/4 to 4/4", got=f"{first}/{of}"))

    @property
    def shard_in_words(self) -> str:
        """`1/2`; empty where everything is run."""
        first, of = self.shard
        return f"{first}/{of}" if of > 1 else ""

    def systems(self) -> list[System]:
        """Reads the manifests.

        Raises:
            ManifestError: with every problem of the first file that has one.
        """
        return [open_system(Path(path), self.image) for path in self.manifests]

    def chunks(self, systems: list[System]) -> list[Chunk]:
        """What is run, in order; of several systems their chunks in turn, so that none has to wait for the others.

        Raises:
            UsageError: no system has a plan of an id in `only`, or a fault is aimed at nothing.
        """
        lists = [list(self._chunks_of(system)) for system in systems]
        longest = max(map(len, lists), default=0)
        turn = [chunks[i] for i in range(longest) for chunks in lists if i < len(chunks)]
        self._all_found(turn)
        first, of = self.shard
        return turn[first - 1 :: of]

    def _all_found(self, chunks: list[Chunk]) -> None:
        unknown = sorted(set(self.only) - {chunk.plan.id for chunk in chunks if chunk.plan})
        if unknown:
            fix = "retrigger list plans MANIFEST --explore single,compound   shows the ids"
            raise UsageError(Problem(what="no such plan", expected="ids of plans", got=", ".join(unknown), fix=fix))

    def _chunks_of(self, system: System) -> Iterator[Chunk]:
        if self.explore == "random" and not self.faults and not self.only:
            yield Chunk(system=system.name, plan=Plan(system=system.name, works=self.works, manifest=_path(system)))
            for number, begin in enumerate(range(0, self.examples, CHUNK)):
                examples = min(CHUNK, self.examples - begin)
                yield Chunk(system=system.name, examples=examples, seed=self.seed * 10_000 + number)
            return
        for plan in self.plans(system):
            if not self.only or plan.id in self.only:
                yield Chunk(system=system.name, plan=plan)

    def plans(self, system: System) -> list[Plan]:
        """The enumerated plans of a system, the fault-free one first."""
        if self.faults:
            chosen = [plan_of(system.manifest, *map(parse_fault, self.faults))]
        else:
            enumerations = ENUMERATIONS | {"common": self._common}
            chosen = [plan_of(system.manifest)]
            for name in self._enumerated:
                chosen += _possible(name, enumerations[name](system.manifest))
        plans = self._sized(list(dict.fromkeys(chosen)), system)
        for plan in plans:
            check_aim(system.manifest, plan)
        return plans

    @property
    def _enumerated(self) -> list[str]:
        """The lists that plans are taken from; ids are looked for in all but the longest where no list was named."""
        if self.explore == "random":
            return ["core", "single", "compound"]
        return self.explore.split(",")

    def _common(self, manifest: Manifest) -> list[Plan]:
        return common(manifest, self.effect)

    def terms(self, system: System) -> dict[str, str]:
        """Each fault in common terms: the id of its plan for this system, or `- ` and why there is none."""
        meant = {term.name: term.plan(system.manifest, self.effect) for term in TERMS}
        return {
            name: f"- {plan}" if isinstance(plan, str) else self._sized([plan], system)[0].id
            for name, plan in meant.items()
        }

    def core(self, system: System) -> list[Plan]:
        """The plans that no verdict can do without: the fault-free one and both sides of every hand-off."""
        return self._sized([plan_of(system.manifest), *core(system.manifest)], system)

    def _sized(self, plans: list[Plan], system: System) -> list[Plan]:
        """The plans with as many works as was asked for; a crowd stays one."""
        sizes = [max(self.works, plan.works) if plan.works > ORDINARY_WORKS else self.works for plan in plans]
        return [replace(plan, works=size, manifest=_path(system)) for plan, size in zip(plans, sizes, strict=True)]

    def to_json(self) -> dict[str, Any]:
        """As plain JSON, to travel to the workers."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    @staticmethod
    def from_json(record: dict[str, Any]) -> Campaign:
        """Reads what `to_json` wrote."""
        fields: dict[str, Any] = {key: tuple(v) if isinstance(v, list) else v for key, v in record.items()}
        return Campaign(**fields)


def seconds_of(text: str) -> float:
    """`180s`, `5m`, `1h`, or plain seconds.

    Raises:
        UsageError: none of these.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", text)
    if match is None:
        raise UsageError(Problem(what="not a time", expected="180s, 5m or 1h", got=text))
    return float(match[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[match[2]]


def shard_of(text: str) -> tuple[int, int]:
    """`2/4`: the second of four.

    Raises:
        UsageError: not two numbers with a slash.
    """
    match = re.fullmatch(r"(\d+)/(\d+)", text)
    if match is None:
        raise UsageError(Problem(what="not a shard", expected="1/4 to 4/4", got=text, fix="--shard 1/4"))
    return int(match[1]), int(match[2])


def usual(campaign: Campaign) -> Campaign:
    """The explorations where none was named: every gap, and the inside of handlers that have none where that can be."""
    inside = any(writes(system.manifest) for system in campaign.systems())
    return replace(campaign, explore="single,writes") if inside and can_trace() else campaign


def _possible(exploration: str, plans: list[Plan]) -> list[Plan]:
    """The plans that can be run here. Who asks for kernel calls insists on strace; `compound` can do without."""
    if exploration in TRACED or not any(map(needs_strace, plans)) or can_trace():
        return plans
    return [plan for plan in plans if not needs_strace(plan)]


def _path(system: System) -> str:
    return str(system.manifest.path.resolve())
