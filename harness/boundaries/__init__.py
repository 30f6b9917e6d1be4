"""The model of responsibility boundaries, pure: from a declared graph to owners, layers, lints and predictions.

Read in this order: `triggers` and `graph` (what is declared), `unfold` (one instance per path), `derive` (Algorithm 1),
`faults` and `predict` (Algorithm 2), `simulate` (the same, run step by step), `lints`, `workflows`, `drawing`. Nothing
here starts a process, opens a file or imports more than the standard library and `harness.errors`.
"""

from harness.boundaries.derive import Boundaries, Boundary, derive
from harness.boundaries.description import Description, as_json, describe
from harness.boundaries.drawing import draw, mermaid
from harness.boundaries.faults import Fault, Meaning, Phase, What, read_fault
from harness.boundaries.graph import Edge, Effect, Graph, Node, Root, Workflow
from harness.boundaries.lints import Lint, lint
from harness.boundaries.predict import Prediction, predict
from harness.boundaries.simulate import Run, simulate
from harness.boundaries.triggers import Trigger
from harness.boundaries.unfold import Call, Instance
from harness.boundaries.workflows import Shared, workflows_of

__all__ = [
    "Boundaries",
    "Boundary",
    "Call",
    "Description",
    "Edge",
    "Effect",
    "Fault",
    "Graph",
    "Instance",
    "Lint",
    "Meaning",
    "Node",
    "Phase",
    "Prediction",
    "Root",
    "Run",
    "Shared",
    "Trigger",
    "What",
    "Workflow",
    "as_json",
    "derive",
    "describe",
    "draw",
    "lint",
    "mermaid",
    "predict",
    "read_fault",
    "simulate",
    "workflows_of",
]
