"""The errors a person can meet, in two trees.

`HarnessError` is everything that is the tool's or the usage's affair: a manifest that cannot be read, a part that
cannot be set up, a fault that could not be applied or undone. `CheckViolation` is a finding about the system under
test; it is an `AssertionError`, so that it reads as a failed test inside pytest. A message says, in this order: what
failed and for whom, what was expected and what came, the evidence, the likely cause, and the next command.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

__all__ = [
    "CheckViolation",
    "ContractError",
    "FaultError",
    "HarnessError",
    "HistoryError",
    "ManifestError",
    "Problem",
    "ServiceError",
    "SetupError",
    "UndoError",
    "UsageError",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong, with the way out. Rendered the same in every error.

    what: what failed and for whom, one sentence.
    where: file and key, process, or link; empty when the sentence says it all.
    expected: what would have been right.
    got: what came instead.
    evidence: exit status, last lines of a log, a path.
    fix: the line to write or the command to run next.
    """

    what: str
    where: str = ""
    expected: str = ""
    got: str = ""
    evidence: str = ""
    fix: str = ""

    def __str__(self) -> str:
        lines = [self.what]
        for field in fields(self)[1:]:
            value = getattr(self, field.name)
            if value:
                lines.append(f"  {field.name + ':':<10}{value.replace(chr(10), chr(10) + ' ' * 12)}")
        return "\n".join(lines)


class HarnessError(Exception):
    """Something that is not a finding about the system under test. `exit_code` is what the command line ends with."""

    exit_code = 4

    def __init__(self, *problems: Problem | str) -> None:
        self.problems = tuple(Problem(what=p) if isinstance(p, str) else p for p in problems)
        super().__init__("\n".join(str(p) for p in self.problems))


class UsageError(HarnessError):
    """The command was called in a way that has no meaning."""

    exit_code = 2


class ManifestError(HarnessError):
    """The manifest cannot be read as a contract: wrong type, unknown key, a name that leads nowhere."""

    exit_code = 2


class ContractError(HarnessError):
    """The system does not do what its manifest says, before any fault: not ready, not routed, not submitting."""

    exit_code = 2


class SetupError(HarnessError):
    """A part of the harness could not be made ready: no Toxiproxy, a self-test that disagrees with the fault table."""


class FaultError(HarnessError):
    """A fault could not be applied."""


class UndoError(HarnessError):
    """A fault could not be undone, so nothing that was seen afterwards can be trusted."""


class ServiceError(HarnessError):
    """A process of the system under test could not be started again after a fault."""


class HistoryError(HarnessError):
    """A history file cannot be read, or breaks its own rules."""


class CheckViolation(AssertionError):
    """A finding: the system under test broke a property. The text carries the witness and the replay command."""
