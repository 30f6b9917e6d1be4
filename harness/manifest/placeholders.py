"""Placeholders: the words in braces that the harness replaces, `{work}` or `{link:world}`.

Pure: text in, text out. Only the shapes of this page are touched, so that the braces of JSON, of shells and of format
strings in an environment variable survive as they are. A known word with something missing or something more, such as
`{link}` or `{port:1}`, is refused rather than handed to a service.

Which placeholder means something where: `WHERE`. Who fills them: the runner, when it knows ports and folders.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from harness.errors import ManifestError, Problem
from harness.manifest.model import Manifest
from harness.manifest.source import KeyPath

__all__ = [
    "HIDDEN",
    "MEANING",
    "SECRET_NAME",
    "WHERE",
    "Placeholder",
    "Use",
    "fill",
    "find",
    "links",
    "redact",
    "slips",
    "uses",
]

MEANING = {
    "work": "the work id",
    "nonce": "a value that is new for each piece of work",
    "port": "the port that this process or resource listens on",
    "data": "the folder of this process that survives a kill",
    "data:PROCESS": "the folder of another process that survives a kill",
    "link:PROCESS": "address of a process, through a proxy of its own for this user; where something is read, its own",
    "link:RESOURCE": "address of a resource, through a proxy of its own for this user: `nats://`, `postgresql://`, "
    "`redis://`, or HOST:PORT for kind command; where something is read, its own",
    "link:world": "address of the harness's world, where effects are counted, through a proxy of its own for this user",
    "failpoints": "address for failpoints, where a service blocks for a moment at a named point",
}
"""Every placeholder, and what stands for it when the system runs."""

WHERE = {
    "process": ("port", "data", "data:", "link:", "failpoints"),
    "resource": ("port", "data"),
    "submit": ("work", "nonce"),
    "at": ("link:",),
    "reader": ("data:", "link:"),
}
"""Kinds of text and the placeholders that mean something in them; `data:` and `link:` are followed by a name."""

_SHAPE = re.compile(r"\{(work|nonce|port|failpoints|data|link)(?::([^{}\s\"']*))?\}")
_LOOKS_LIKE_ONE = re.compile(r"(?<!\$)\{([A-Za-z]+)(?::([\w.#-]+))?\}")
_WORDS = ("work", "nonce", "port", "data", "link", "failpoints")
SECRET_NAME = re.compile(r"KEY|TOKEN|SECRET|PASSWORD", re.IGNORECASE)
_URL_PASSWORD = re.compile(r"(?<=://)([^/\s:@]*):[^/\s@]+(?=@)")
HIDDEN = "***"


@dataclass(frozen=True, slots=True, kw_only=True)
class Placeholder:
    """One placeholder as it stands in a text. word: `link`. name: `world`, or None where nothing follows the word."""

    word: str
    name: str | None = None

    @property
    def kind(self) -> str:
        """`link:` with a name, `port` without: as in `WHERE`."""
        return self.word if self.name is None else f"{self.word}:"

    @property
    def key(self) -> str:
        """What is between the braces: the key under which `fill` looks for its value."""
        return self.word if self.name is None else f"{self.word}:{self.name}"

    def __str__(self) -> str:
        return f"{{{self.key}}}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """A text of the manifest that may carry placeholders. where: a key of `WHERE`. at: the key in the file."""

    where: str
    at: KeyPath
    text: str


def find(text: str) -> Iterator[Placeholder]:
    """The placeholders in a text, in order, right ones and malformed ones."""
    for match in _SHAPE.finditer(text):
        yield Placeholder(word=match[1], name=match[2])


def fill(template: Any, values: Mapping[str, str]) -> Any:
    """The same text or JSON value with every placeholder replaced, in all its strings and keys.

    Args:
        template: a string, or lists and tables of strings and other plain values; it is not changed.
        values: what to put for each placeholder, by the text between the braces: `work`, `link:world`.

    Raises:
        ManifestError: a placeholder has no value here. It is never passed on: a service would take it for an address.
    """
    if isinstance(template, str):
        return _SHAPE.sub(lambda match: _value(match, values), template)
    if isinstance(template, Mapping):
        return {fill(key, values): fill(value, values) for key, value in template.items()}
    if isinstance(template, list | tuple):
        return [fill(item, values) for item in template]
    return template


def _value(match: re.Match[str], values: Mapping[str, str]) -> str:
    key = match[0][1:-1]
    if key not in values:
        raise ManifestError(
            Problem(
                what=f"nothing can be put for {match[0]} in {match.string!r}",
                expected="one of " + ", ".join(f"{{{known}}}" for known in sorted(values)),
                got=match[0],
                fix="retrigger check MANIFEST",
            )
        )
    return values[key]


def uses(manifest: Manifest) -> Iterator[Use]:
    """Every text of a manifest that may carry placeholders, with its place."""
    plain = manifest.model_dump(mode="python", by_alias=True, exclude_none=True)
    for index, process in enumerate(plain["process"]):
        kept = {key: process[key] for key in ("start", "env", "cwd") if key in process}
        yield from _texts("process", ("process", index), kept)
    for index, resource in enumerate(plain["resource"]):
        kept = {key: resource[key] for key in ("start", "env", "options") if key in resource}
        yield from _texts("resource", ("resource", index), kept)
    for way in ("request", "publish"):
        yield from _texts("submit", ("submit", way), plain.get("submit", {}).get(way, {}))
    for index, node in enumerate(plain["node"]):
        for number, effect in enumerate(node["effects"]):
            at: KeyPath = ("node", index, "effects", number)
            yield from _texts("at", (*at, "at"), effect.get("at", ""))
            for source in ("sql", "nats", "redis", "http", "command"):
                yield from _texts("reader", (*at, source), effect.get(source))
    for index, reader in enumerate(plain["pending"]):
        yield from _texts("reader", ("pending", index), reader)


def _texts(where: str, at: KeyPath, value: Any) -> Iterator[Use]:
    if isinstance(value, str):
        yield Use(where=where, at=at, text=value)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _texts(where, (*at, key), item)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _texts(where, (*at, index), item)


def links(manifest: Manifest) -> set[tuple[str, str]]:
    """Which pairs (user, target) need a proxy of their own: every `{link:TARGET}` in a process's `env` and `start`.

    Targets are processes, resources or `world`. An engine that calls processes is a user as well. The link on which the
    harness's client submits is not among them.
    """
    called = {(resource.name, process) for resource in manifest.resource for process in resource.deployments}
    return called | {
        (process.name, placeholder.name)
        for process in manifest.process
        for text in [*process.env.values(), *(process.start or [])]
        for placeholder in find(text)
        if placeholder.word == "link" and placeholder.name
    }


def slips(text: str, names: Collection[str] = ()) -> Iterator[tuple[str, str]]:
    """Words in braces that are probably meant as placeholders: (as written, as meant).

    Only near misses count (`{prot}`, `{Link:world}`, `{world}`); any other word in braces belongs to the service. With
    a declared name behind it (`names`) a word may be further off: `{url:orders}` is hardly anything else.
    """
    for match in _LOOKS_LIKE_ONE.finditer(text):
        meant = _meant(match[1], match[2], nearness=0.0 if match[2] in names else 0.8)
        if meant:
            yield match[0], meant


def _meant(word: str, name: str | None, nearness: float) -> str:
    if word == "world" and name is None:
        return "{link:world}"
    if word in _WORDS:
        return ""
    lower = word.lower()
    known = _WORDS if name is None else ("link", "data")
    near = {meant: 1.0 if sorted(lower) == sorted(meant) else _likeness(lower, meant) for meant in known}
    meant = max(known, key=near.__getitem__)
    return str(Placeholder(word=meant, name=name)) if near[meant] >= nearness else ""


def _likeness(word: str, other: str) -> float:
    return difflib.SequenceMatcher(None, word, other).ratio()


def redact(env: Mapping[str, str]) -> dict[str, str]:
    """The environment as it may be shown in a report.

    Values whose name contains KEY, TOKEN, SECRET or PASSWORD are hidden, and passwords inside addresses.
    """
    return {
        name: HIDDEN if SECRET_NAME.search(name) else _URL_PASSWORD.sub(rf"\1:{HIDDEN}", value)
        for name, value in env.items()
    }
