"""The fault table as data, and its page."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import FaultError
from harness.network import FAULTS, Passed, fault_named
from harness.network.faults import table_markdown

PAGE = Path(__file__).parents[2] / "docs" / "toxiproxy.md"


def test_page_prints_the_table_as_it_is() -> None:
    """The documentation's table is the code's table."""
    assert table_markdown() in PAGE.read_text(encoding="utf-8")


def test_names_and_words_are_unambiguous() -> None:
    """A name or the words of a plan lead to one fault."""
    spoken = [fault.name for fault in FAULTS.values()]
    spoken += [fault.words for fault in FAULTS.values() if fault.words != fault.name]
    assert len(spoken) == len(set(spoken))
    assert all(fault_named(name) for name in spoken)


def test_no_fault_rolls_dice() -> None:
    """Jitter and variation are 0 everywhere, because Toxiproxy's dice have no seed."""
    chance = [fault.attributes.get(key, 0) for fault in FAULTS.values() for key in ("jitter", "size_variation")]
    assert not any(chance)


def test_unknown_fault_names_the_known_ones() -> None:
    """The error lists the vocabulary."""
    with pytest.raises(FaultError, match="reply blackholed"):
        fault_named("reply eaten")


def test_proof_needs_more_bytes_in_than_out() -> None:
    """Equal counts, or a loss in the other direction, prove nothing."""
    lost = FAULTS["reply lost"]
    assert lost.proof(Passed(request_in=9, reply_in=5, reply_out=5)) == ""
    assert lost.proof(Passed(request_in=9, reply_in=5)) == "5 bytes of the reply entered the proxy, 0 left it"
