"""What there is to be caught, and what not: the catalogue, and its manifests, made from those of patterns.

A manifest is the text of a correct one with pieces replaced, each of which must stand there exactly once. So what a
twin changes can be read in the catalogue, and nothing else can differ.
"""

from __future__ import annotations

import importlib.util
import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel, ConfigDict

import twins
from harness.conformance.where import manifest_path
from harness.errors import ManifestError, Problem

__all__ = ["Catalogue", "Control", "Specimen", "Twin", "read_catalogue"]

FLAW = '"""FLAW: '


class Specimen(BaseModel):
    """A system of the catalogue. of: the pattern or base that it is made from. modules: process -> what runs in it.

    change: pieces of the manifest and what stands there instead. add: text behind it. about: one sentence.
    slow: takes longer than most, and so is begun first.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    of: str
    modules: dict[str, str] = {}
    change: tuple[tuple[str, str], ...] = ()
    add: str = ""
    about: str = ""
    slow: bool = False


class Twin(Specimen):
    """A broken one. properties: those that must catch it, any of them. plan: the smallest known.

    flaw: what is wrong, where no module says it. canary: every run of the benchmark carries it along.
    """

    properties: tuple[str, ...]
    plan: tuple[str, ...]
    flaw: str = ""
    canary: bool = False


class Control(Specimen):
    """A correct one that looks suspicious. plans: what it is run under; all single faults where none is given.

    starved: while busy loops take the processors away.
    """

    plans: tuple[tuple[str, ...], ...] = ()
    starved: bool = False


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    base: dict[str, Specimen]
    twin: dict[str, Twin]
    declaration: dict[str, Twin]
    control: dict[str, Control]


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """All of it, by name. declarations: correct services under a manifest that says something else of them."""

    bases: dict[str, Specimen]
    twins: dict[str, Twin]
    controls: dict[str, Control]
    declarations: dict[str, Twin] = field(default_factory=dict)

    @property
    def hunted(self) -> dict[str, Twin]:
        """Everything that has to be caught."""
        return {**self.twins, **self.declarations}

    @property
    def canaries(self) -> list[str]:
        """The twins without whose end a run says nothing."""
        return [name for name, twin in self.twins.items() if twin.canary]

    def write(self, name: str, folder: Path) -> Path:
        """Writes the manifest of a twin or control into `folder`/NAME, and returns that folder.

        Raises:
            ManifestError: a piece that is to be changed does not stand there exactly once.
        """
        place = folder / name
        place.mkdir(parents=True, exist_ok=True)
        (place / "retrigger.toml").write_text(self.manifest(name), encoding="utf-8")
        return place

    def manifest(self, name: str) -> str:
        """The manifest of a twin, a control, a base or a pattern, as text."""
        specimen = ({**self.bases, **self.hunted, **self.controls}).get(name)
        if specimen is None:
            return (Path(manifest_path(name)) / "retrigger.toml").read_text(encoding="utf-8")
        text = _replaced(name, self.manifest(specimen.of), r'^name = "\w+"', f'name = "{name}"', most=1)
        for process, module in specimen.modules.items():
            runs = rf'(\[\[process\]\]\nname = "{process}"[^\n]*\n(?:app|main) = )"[^"]+"'
            text = _replaced(name, text, runs, rf'\g<1>"{module}"')
        for old, new in specimen.change:
            text = _replaced(name, text, re.escape(old), new.replace("\\", r"\\"))
        return text + specimen.add

    def flaw(self, name: str) -> str:
        """What is wrong with a twin: the first line of its module, or what the catalogue says."""
        twin = self.hunted[name]
        return twin.flaw or next(_first_line(module) for module in twin.modules.values())


def read_catalogue() -> Catalogue:
    """The catalogue of this distribution."""
    text = (Path(twins.__path__[0]) / "twins.toml").read_text(encoding="utf-8")
    file = _File.model_validate(tomllib.loads(text))
    return Catalogue(bases=file.base, twins=file.twin, controls=file.control, declarations=file.declaration)


def _replaced(name: str, text: str, pattern: str, new: str, most: int = 0) -> str:
    """The text with the piece replaced; `most` is how many are replaced at most, 0 for the only one there is."""
    text, found = re.subn(pattern, new, text, count=most, flags=re.MULTILINE)
    if found != 1:
        raise ManifestError(
            Problem(what=f"{name} changes a piece of its manifest", expected="found once", got=f"{found}: {pattern}")
        )
    return text


def _first_line(module: str) -> str:
    """The flaw as the module's docstring begins with it; read, not imported."""
    spec = importlib.util.find_spec(module.partition(":")[0])
    assert spec is not None, module
    assert spec.origin is not None, module
    first = Path(spec.origin).read_text(encoding="utf-8").splitlines()[0]
    return first.removeprefix(FLAW).removesuffix('"""')
