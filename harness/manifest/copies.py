"""Processes that run several times: each copy is a process of its own, with a name that no manifest can give."""

from __future__ import annotations

from harness.manifest.model import Manifest, Process

__all__ = ["MARK", "declared_name", "with_copies"]

MARK = "~"
"""Between a process and the number of its copy: `worker~2`. Not allowed in a declared name."""


def with_copies(manifest: Manifest) -> Manifest:
    """The manifest with a process for every copy, the first under the declared name.

    All copies get the same environment, but for what stands for the process itself: its port, and its own folder. What
    is sent to the process goes to the first one; more than one makes sense for those that fetch their work.
    """
    processes = [copy for process in manifest.process for copy in _copies(process)]
    return manifest.model_copy(update={"process": processes})


def declared_name(name: str) -> str:
    """The process in the manifest that this one is, or is a copy of."""
    return name.partition(MARK)[0]


def _copies(process: Process) -> list[Process]:
    names = [f"{process.name}{MARK}{number}" for number in range(2, process.copies + 1)]
    return [process, *(process.model_copy(update={"name": name}) for name in names)]
