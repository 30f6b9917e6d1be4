"""The figures of the post as manifests: `figures/*.toml`, each in any work mode."""

from __future__ import annotations

import tomllib
from pathlib import Path

from harness.boundaries import Boundaries, Description, describe
from harness.boundaries.graph import Graph
from harness.manifest.graph import graph_of
from harness.manifest.model import Manifest

__all__ = ["FIGURES", "ask", "derived", "figure", "graph_from"]

FOLDER = Path(__file__).parent / "figures"
FIGURES = tuple(sorted(path.stem for path in FOLDER.glob("*.toml")))


def figure(name: str, work: str = "reexec") -> Graph:
    """The graph of a figure, every node in the given work mode."""
    declared = tomllib.loads((FOLDER / f"{name}.toml").read_text(encoding="utf-8"))
    for node in declared["node"]:
        node["work"] = work
    return graph_of(Manifest.model_validate(declared))


def graph_from(text: str) -> Graph:
    """The graph of a manifest given as text, without its first two lines."""
    return graph_of(Manifest.model_validate(tomllib.loads(f'spec = 1\nname = "test"\n{text}')))


def derived(name: str, work: str = "reexec") -> Boundaries:
    """The boundaries of a figure."""
    return describe(figure(name, work)).boundaries


def ask(name: str, fault: str, work: str = "reexec") -> Description:
    """What the model says of one fault in a figure."""
    return describe(figure(name, work), fault)
