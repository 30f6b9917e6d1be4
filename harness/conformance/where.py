"""Finding what a person means by the name of a system or a plan."""

from __future__ import annotations

import json
from pathlib import Path

import patterns
from harness.errors import Problem, UsageError
from harness.plans.model import Plan

__all__ = ["SERVICES_IMAGE", "image_of", "manifest_path", "pattern_names", "patterns_folder", "plan_of_id"]


SERVICES_IMAGE = "retrigger-services"
"""The image of the reference services, as `make images` builds it."""


def image_of(target: str, image: str) -> str:
    """The image in which processes are to be run; empty where they are processes of this machine.

    Raises:
        UsageError: no such target, or the one option without the other.
    """
    if target not in ("process", "container"):
        raise UsageError(Problem(what="no such target", expected="process or container", got=target))
    if bool(image) != (target == "container"):
        fix = f"--target container --image {image or SERVICES_IMAGE}"
        raise UsageError(Problem(what="--target container and --image go together", got=f"--target {target}", fix=fix))
    return image


def patterns_folder() -> Path:
    """Where the patterns of this distribution are."""
    return Path(patterns.__path__[0])


def pattern_names() -> list[str]:
    """Folders with a manifest."""
    return sorted(path.parent.name for path in patterns_folder().glob("*/retrigger.toml"))


def manifest_path(text: str) -> str:
    """A manifest's path: as given, or that of the pattern of this name."""
    if Path(text).exists():
        return text
    name = text.rstrip("/").rpartition("/")[2]
    return str(patterns_folder() / name) if name in pattern_names() else text


def plan_of_id(text: str, out: Path) -> Plan:
    """The plan of a file, or the one of this id that an earlier run left in `out`.

    Raises:
        UsageError: there is no such plan, or its file cannot be read.
    """
    path = Path(text)
    if not path.is_file():
        path = out / "plans" / f"{text}.json"
    if not path.is_file():
        what = f"no plan {text!r}"
        fix = "retrigger list plans MANIFEST   shows the ids; retrigger run MANIFEST --only ID runs one"
        raise UsageError(Problem(what=what, expected=f"a file, or {path}", got="neither exists", fix=fix))
    try:
        return Plan.from_json(json.loads(path.read_text(encoding="utf-8")))
    except ValueError as error:
        raise UsageError(Problem(what=f"{path} is not a plan file", got=str(error))) from error
