"""Everything there is to say about a declared graph, and about one fault in it, without running anything."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from harness.boundaries.derive import Boundaries, derive
from harness.boundaries.drawing import draw, mermaid
from harness.boundaries.faults import Meaning, read_fault
from harness.boundaries.graph import Graph
from harness.boundaries.lints import Lint, lint
from harness.boundaries.predict import Prediction, predict
from harness.boundaries.workflows import workflows_of

__all__ = ["Description", "as_json", "describe"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """What `retrigger boundaries` shows.

    boundaries: the derived graph.
    lints: findings about the declaration.
    meaning: the fault that was asked about, if any.
    prediction: the invocations it adds.
    """

    boundaries: Boundaries
    lints: tuple[Lint, ...]
    meaning: Meaning | None = None
    prediction: Prediction | None = None

    def text(self) -> str:
        """A drawing for a terminal."""
        return draw(self.boundaries, self.lints, self.meaning, self.prediction)

    def mermaid(self) -> str:
        """The boundary map as a Mermaid flowchart."""
        return mermaid(self.boundaries)

    def to_json(self) -> str:
        """The form that programs read, indented."""
        return json.dumps(as_json(self.boundaries, self.lints, self.prediction), indent=2, ensure_ascii=False)


def describe(graph: Graph, fault: str | None = None) -> Description:
    """Derives boundaries, owners, layers and lints, and predicts one fault.

    Args:
        graph: the declaration.
        fault: a sentence such as `crash payments after charge` or `lose reply A->B`; None asks about none.

    Raises:
        ManifestError: a cycle that no trigger cuts.
        UsageError: the fault cannot be read, or names something that does not exist.
    """
    boundaries = derive(graph)
    meaning = None if fault is None else read_fault(fault, boundaries)
    return Description(
        boundaries=boundaries,
        lints=lint(boundaries),
        meaning=meaning,
        prediction=None if meaning is None else predict(boundaries, meaning),
    )


def as_json(boundaries: Boundaries, lints: tuple[Lint, ...], prediction: Prediction | None = None) -> dict[str, Any]:
    """The description as plain JSON; `prediction` is null where no fault was asked about.

    `workflows` is there where the declaration names any.
    """
    found = {"workflows": [asdict(each) for each in workflows_of(boundaries)]} if boundaries.graph.workflows else {}
    return {
        "boundaries": [
            {
                "trigger": boundary.name,
                "target": boundary.target,
                "nodes": list(boundary.nodes),
                "layer": list(boundary.layer),
                "frontier": list(boundary.frontier),
                "nested_in": boundary.nested_in,
            }
            for boundary in boundaries.boundaries
        ],
        "unowned": list(boundaries.unowned),
        "lints": [asdict(found) for found in lints],
        "prediction": prediction
        and {"must": dict(prediction.must), "may": dict(prediction.may), "must_not": list(prediction.must_not)},
        **found,
    }
