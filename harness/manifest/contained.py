"""The same system in containers: what of a manifest changes, and nothing else."""

from __future__ import annotations

from harness.manifest.model import Manifest, Process

__all__ = ["in_containers"]

SLOWER = 3.0
"""How much longer it may take to be ready: a forked process finds its libraries loaded, a contained one never does."""


def in_containers(manifest: Manifest, image: str) -> Manifest:
    """The manifest with each of its processes run inside an image, by the same `start`, `app` or `main`.

    A process that names an image already keeps it, one that is only addressed (`url`) stays where it is, and resources
    stay processes of this machine. `cwd` meant a folder of this machine, so inside it is the image's own.
    """
    processes = [process if process.container or process.url else _in(image, process) for process in manifest.process]
    return manifest.model_copy(update={"process": processes})


def _in(image: str, process: Process) -> Process:
    return process.model_copy(update={"container": image, "cwd": None, "ready_s": process.ready_s * SLOWER})
