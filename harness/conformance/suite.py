"""The suite as pytest tests: one for each family of plans and each property.

    from harness.conformance import ConformanceSuite

    class TestOrders(ConformanceSuite):
        manifest = "retrigger.toml"

The plans of a family are run once, by whichever test of the family comes first; its other tests read the same cases.
That makes ids that stay (`TestOrders::test_property[acme-orders-kill-recv-P2]`), which `-k` selects and a baseline
names, and costs no case twice. The same tests without a class of one's own: `pytest --pyargs harness.conformance
--retrigger-manifest retrigger.toml`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import pytest

from harness.checks import PROPERTIES
from harness.conformance.baseline import known_failures, read_baseline
from harness.conformance.campaign import Campaign, Chunk
from harness.errors import Problem, UsageError
from harness.report.model import KnownFailure
from harness.runner.system import System

if TYPE_CHECKING:
    from harness.conformance.shared import SharedCases

__all__ = ["Asked", "ConformanceSuite", "family_id"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What one test asks about: a property under a family of plans of one system.

    chunks: the plans of the family. property_id: its id; empty where the family is all that is asked for.
    known: the entry of the baseline, where there is one.
    """

    campaign: Campaign
    system: str
    family: str
    chunks: tuple[Chunk, ...]
    property_id: str = ""
    known: KnownFailure | None = None

    @property
    def id(self) -> str:
        """What pytest calls it: letters, digits and `-`, so that `-k` can name it whole."""
        return "-".join(part for part in (self.system, family_id(self.family), self.property_id) if part)


def family_id(family: str) -> str:
    """`kill @recv` -> `kill-recv`."""
    return re.sub(r"[^\w]+", "-", family).strip("-")


@pytest.mark.retrigger
class ConformanceSuite:
    """Subclass it in your own tests, and say where your manifest is.

    manifest: path of a retrigger.toml, relative to the file of the subclass; several in a list. Without it the option
        `--retrigger-manifest` says.
    explore: core, single, compound, pairs (with commas between) or random. baseline: file of known failures, relative
        as well. Where they are not given, the options `--retrigger-explore` and `--retrigger-baseline` say.
    """

    manifest: ClassVar[str | Sequence[str]] = ()
    explore: ClassVar[str] = ""
    baseline: ClassVar[str] = ""

    def test_contract(self, retrigger_system: Asked, retrigger_cases: SharedCases) -> None:
        """The system does what its manifest says, without any faults: it starts, works, and uses every link."""
        retrigger_cases.try_contract(retrigger_system)

    def test_property(self, retrigger_cell: Asked, retrigger_cases: SharedCases) -> None:
        """The property holds under every plan of the family."""
        retrigger_cases.judge(retrigger_cell)

    @classmethod
    def retrigger_tests(cls, metafunc: pytest.Metafunc, options: Campaign) -> None:
        """One test for each property and family, the same ones in each worker. Called by the plugin.

        Raises:
            HarnessError: a manifest or a baseline is not right, or no manifest is named.
        """
        for name, asked in (("retrigger_system", cls._systems), ("retrigger_cell", cls._cells)):
            if name in metafunc.fixturenames:
                tests = list(asked(cls._campaign(metafunc, options)))
                metafunc.parametrize(name, tests, ids=[test.id for test in tests])

    @staticmethod
    def _systems(campaign: Campaign) -> Iterator[Asked]:
        for system in campaign.systems():
            yield Asked(campaign=campaign, system=system.name, family="", chunks=())

    @staticmethod
    def _cells(campaign: Campaign) -> Iterator[Asked]:
        systems = campaign.systems()
        chunks = campaign.chunks(systems)
        for system in systems:
            known = _known(campaign, system)
            for family in _families(campaign, system, chunks):
                for each in PROPERTIES:
                    entry = known.get((family.family, each.id))
                    yield replace(family, property_id=each.id, known=entry)

    @classmethod
    def _campaign(cls, metafunc: pytest.Metafunc, options: Campaign) -> Campaign:
        folder = Path(metafunc.module.__file__ or ".").parent
        manifests = [cls.manifest] if isinstance(cls.manifest, str) else list(cls.manifest)
        if not (manifests or options.manifests):
            fix = '--retrigger-manifest retrigger.toml   or manifest = "retrigger.toml" in a subclass'
            raise UsageError(Problem(what="it is not said which system to test", fix=fix))
        return replace(
            options,
            manifests=tuple(str(folder / path) for path in manifests) or options.manifests,
            explore=cls.explore or options.explore,
            baseline=str(folder / cls.baseline) if cls.baseline else options.baseline,
        )


def _known(campaign: Campaign, system: System) -> dict[tuple[str, str], KnownFailure]:
    entries = read_baseline(Path(campaign.baseline)) if campaign.baseline else ()
    found = known_failures(entries, system, campaign.works)
    return {(failure.family, failure.property): failure for failure in found}


def _families(campaign: Campaign, system: System, chunks: Sequence[Chunk]) -> list[Asked]:
    """The families of a system, those with most plans first, so that workers end at about the same time."""
    grouped: dict[str, list[Chunk]] = {}
    for chunk in chunks:
        if chunk.system == system.name:
            grouped.setdefault(chunk.family, []).append(chunk)
    families = sorted(grouped.items(), key=lambda each: -len(each[1]))
    return [Asked(campaign=campaign, system=system.name, family=family, chunks=tuple(own)) for family, own in families]
