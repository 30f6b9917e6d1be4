"""Known failures: a file with reasons, read strictly and written as a draft."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.checks import Verdict
from harness.conformance.baseline import Entry, draft, families_of, known_failures, read_baseline, written
from harness.conformance.where import manifest_path
from harness.errors import ManifestError
from harness.report.model import KnownFailure
from harness.runner.system import System, open_system
from tests.report.test_families import KNOWN, broken, held, system

ENTRY = Entry(system="callee-inbox", property="P2", family="kill @applied", reason='no "key" until release 7')


def inbox() -> System:
    """A system whose families are known."""
    return open_system(Path(manifest_path("callee_inbox")))


def test_a_written_baseline_is_read_as_it_was(tmp_path: Path) -> None:
    """Reasons may hold anything."""
    path = tmp_path / "retrigger-baseline.toml"
    path.write_text(written([ENTRY]))
    assert read_baseline(path) == (ENTRY,)
    assert read_baseline(tmp_path) == (ENTRY,)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('[[known]]\nsystem = "a"\nproperty = "P2"\nfamily = "kill @recv"\n', "does not say its reason"),
        ('[[known]]\nsystem = "a"\nproperty = "P2"\nfamily = "kill @recv"\nreason = " "\n', "does not say its reason"),
        ('[[known]]\nsystem = "a"\nproperty = "P99"\nfamily = "x"\nreason = "y"\n', "there is no property 'P99'"),
        ('[[known]]\nsystem = "a"\nproperty = "P2"\nfamily = "x"\nreason = "y"\nuntil = "z"\n', "unknown key 'until'"),
        ("[[failure]]\n", "unknown key 'failure'"),
        ("no toml", "cannot be read"),
    ],
)
def test_a_baseline_that_is_not_right_is_refused(text: str, complaint: str, tmp_path: Path) -> None:
    """A typing error must not excuse anything by accident, nor a known failure go without a reason."""
    path = tmp_path / "b.toml"
    path.write_text(text)
    with pytest.raises(ManifestError, match=complaint):
        read_baseline(path)


def test_an_entry_that_can_never_be_checked_is_refused() -> None:
    """A family that the system has no plans of would stay in the file for ever."""
    with pytest.raises(ManifestError, match="no plans of the family 'kill @nowhere'"):
        known_failures([Entry(system="callee_inbox", property="P2", family="kill @nowhere", reason="x")], inbox(), 2)


def test_an_entry_knows_all_plans_of_its_family() -> None:
    """Only when all of them were run it can be stale."""
    entry = Entry(system="callee_inbox", property="P2", family="kill @applied", reason="x")
    [failure] = known_failures([entry, ENTRY], inbox(), 2)
    assert failure.plans == families_of(inbox(), 2)["kill @applied"]
    assert len(failure.plans) > 1


def test_a_draft_lists_what_fails_keeps_known_reasons_and_drops_what_is_stale() -> None:
    """Whoever updates loses no reason and keeps no excuse."""
    stale = KnownFailure(property="P1b", family="kill @recv", reason="was slow", plans=("a",))
    report = system(held("a", "kill @recv"), broken(), baseline=(KNOWN, stale))
    slow = Entry(system="callee-inbox", property="P1b", family="kill @recv", reason="was slow")
    assert draft(report, [ENTRY, slow]) == [ENTRY]
    [new] = draft(report, [])
    assert (new.property, new.family) == ("P2", "kill @applied")
    assert "RT102 duplicate effect, plan d1biDm" in new.reason


def test_a_draft_keeps_what_this_run_did_not_decide() -> None:
    """A run with a budget does not throw entries away."""
    undecided = held("d1biDm", outcome=Verdict.INCONCLUSIVE)
    assert draft(system(undecided, baseline=(KNOWN,)), [ENTRY]) == [ENTRY]
