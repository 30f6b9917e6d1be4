"""The checks: pure functions of a saved history, one property per file.

`judge(history)` gives a `CaseVerdict`; `narrate(history, violation)` tells its witness line by line. Nothing here knows
how a history was made: it imports the standard library, `harness.history` and `harness.errors`, and no more. What a
system declared is in the first event, an `Expectation`. Read `evidence.py` for what counts as evidence, `properties/`
for the rules, `codes.py` for what a code says, and `docs/properties.md` for all of it in prose.
"""

from harness.checks.codes import CATALOGUE, explain
from harness.checks.declaration import rests_on
from harness.checks.expectation import (
    Expectation,
    ExpectedBoundary,
    ExpectedCall,
    ExpectedEffect,
    ExpectedNode,
    ExpectedWorkflow,
    ReadEdge,
    Spread,
)
from harness.checks.figures import Figures, WorkflowFigures, figures_of
from harness.checks.judge import judge
from harness.checks.narrate import narrate
from harness.checks.property import Code, Property
from harness.checks.registry import PROPERTIES
from harness.checks.verdict import CaseVerdict, PropertyVerdict, Verdict, Violation

__all__ = [
    "CATALOGUE",
    "PROPERTIES",
    "CaseVerdict",
    "Code",
    "Expectation",
    "ExpectedBoundary",
    "ExpectedCall",
    "ExpectedEffect",
    "ExpectedNode",
    "ExpectedWorkflow",
    "Figures",
    "Property",
    "PropertyVerdict",
    "ReadEdge",
    "Spread",
    "Verdict",
    "Violation",
    "WorkflowFigures",
    "explain",
    "figures_of",
    "judge",
    "narrate",
    "rests_on",
]
