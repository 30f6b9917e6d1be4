"""Reading `retrigger.toml`: from a path to a `Manifest`, or to every complaint at once.

In three steps, each only where the one before found nothing: is it TOML (`harness.manifest.syntax`), is each key what
it should be (`harness.manifest.shape`), does the whole make sense (`harness.manifest.graph_rules` and `run_rules`).
Every complaint names file, line and key, what was expected, what came, and the line to write; a proposed value has been
tried before it is shown.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Literal

from harness.errors import ManifestError, Problem
from harness.manifest import graph_rules, run_rules
from harness.manifest.complaint import closest, refuse
from harness.manifest.model import Manifest, Node
from harness.manifest.shape import shaped
from harness.manifest.source import Source
from harness.manifest.syntax import syntax_problem
from harness.manifest.unfilled import refuse_unfilled

__all__ = ["FILE_NAME", "Purpose", "load"]

FILE_NAME = "retrigger.toml"
Purpose = Literal["run", "boundaries"]


def load(path: Path, purpose: Purpose = "run") -> Manifest:
    """Reads a manifest and checks it.

    Args:
        path: the file, or a folder that contains `retrigger.toml`.
        purpose: `run` asks for everything that starting the system needs; `boundaries` only for nodes and edges that
            make sense, so that a graph can be thought about before there is a service.

    Raises:
        ManifestError: it cannot be read, or is not what was asked for; with every problem of the first step that
            found one.
    """
    source = _read(path / FILE_NAME if path.is_dir() else path)
    refuse_unfilled(source)
    manifest = shaped(source)
    rules = graph_rules.ALWAYS + (run_rules.TO_RUN if purpose == "run" else ())
    refuse(source, (complaint for rule in rules for complaint in rule(manifest)))
    return manifest.model_copy(update={"path": source.path, "node": _with_entry_route(manifest)})


def _with_entry_route(manifest: Manifest) -> list[Node]:
    """The nodes; the one that work is submitted to has the request's method and path as its route if it names none."""
    submit = manifest.submit
    if submit is None or submit.request is None:
        return manifest.node
    route = f"{submit.request.method} {submit.request.path.partition('?')[0]}"
    return [
        node.model_copy(update={"route": route}) if node.name == submit.node and node.route is None else node
        for node in manifest.node
    ]


def _read(path: Path) -> Source:
    try:
        text = path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n")
    except OSError as error:
        raise ManifestError(_unreadable(path, error)) from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise ManifestError(
            Problem(
                what="the manifest is not UTF-8",
                where=f"{path}:{line}",
                expected="a text in UTF-8",
                got=f"the byte 0x{error.object[error.start]:02x}",
                fix=f"iconv -t utf-8 -o {path} {path}",
            )
        ) from None
    try:
        return Source(path=path, text=text, raw=tomllib.loads(text))
    except (ValueError, RecursionError) as error:
        raise ManifestError(syntax_problem(path, text, error)) from None


def _unreadable(path: Path, error: OSError) -> Problem:
    missing = isinstance(error, FileNotFoundError | NotADirectoryError)
    near = sorted(other.name for other in path.parent.glob("*.toml")) if path.parent.is_dir() else []
    meant = closest(path.name, near)
    fix = f"chmod u+r {path}"
    if missing:
        folder = path.parent if path.suffix == ".toml" else path
        fix = f"retrigger check {path.parent / meant}" if meant else f"retrigger init {folder}"
    return Problem(
        what="there is no manifest here" if missing else f"the manifest cannot be read: {error.strerror}",
        where=str(path),
        expected=f"a manifest, or a folder that contains {FILE_NAME}",
        got=", ".join(near) if near and missing else "nothing",
        fix=fix,
    )
