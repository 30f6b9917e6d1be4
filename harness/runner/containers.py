"""A process of the manifest as a container: what the engine is asked for, so that everything else stays as it is."""

from __future__ import annotations

from pathlib import Path

from harness.manifest.model import Process
from harness.manifest.placeholders import find
from harness.targets import Readiness, Target
from harness.targets.container import ContainerTarget
from harness.targets.engine import Container, Engine
from harness.targets.entry import command_line
from harness.targets.target import Tell

__all__ = ["container_target"]


def container_target(
    engine: Engine,
    process: Process,
    readiness: Readiness,
    *,
    env: dict[str, str],
    command: tuple[str, ...],
    port: int,
    folder: Path,
    tell: Tell,
) -> Target:
    """The process in a container: same port, same links, and its data folders under the same paths.

    Args:
        engine: who runs it. process: what is declared. readiness: when it counts as ready. tell: receives every change.
        env, command: with their placeholders filled; of an `app` or `main` the command is empty.
        port: where it listens, the same inside and outside.
        folder: of the case, with a data folder for each process.
    """
    up = None
    if process.app or process.main:
        up = folder / f"{process.name}.up" / "up"
        up.parent.mkdir(mode=0o700)
        listen = engine.reach.listen
        command = command_line(app=process.app or "", main=process.main or "", host=listen, port=port, up=up)
    container = Container(
        name=process.name,
        image=process.container or "",
        # Of this machine's environment a container gets nothing but the way around proxies of the network.
        env=env | dict.fromkeys(("no_proxy", "NO_PROXY"), f"127.0.0.1,localhost,{engine.reach.seen_as}"),
        log=folder / f"{process.name}.log",
        command=command,
        port=port,
        cwd=process.cwd,
        folders=(*_data_folders(process, folder), *([up.parent] if up else [])),
        up=up,
    )
    return ContainerTarget(engine, container, readiness, restart=process.restart, tell=tell)


def _data_folders(process: Process, folder: Path) -> list[Path]:
    """Its own, and those of others that its `{data:OTHER}` names."""
    named = [place.name for text in process.texts for place in find(text) if place.word == "data" and place.name]
    return [folder / name for name in dict.fromkeys([process.name, *named])]
