"""Keeping secrets out of everything that is written: values of the manifest's environment that look like some.

A service may print its password into a log, an answer or a message, so what is hidden is the value, wherever it turns
up, and not only the line of the manifest that holds it. Which values count: `harness.manifest.placeholders.redact`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from harness.manifest.model import Manifest
from harness.manifest.placeholders import HIDDEN, SECRET_NAME, find

__all__ = ["Secrets", "secrets_of"]

SHORTEST = 4
_URL_PASSWORD = re.compile(r"://[^/\s:@]*:([^/\s@]+)@")


@dataclass(frozen=True, slots=True)
class Secrets:
    """The values that must not be shown, the longest first."""

    values: tuple[str, ...] = ()

    def hide(self, text: str) -> str:
        """The text with every secret replaced, also where it stands inside a JSON string."""
        for value in self.values:
            for form in dict.fromkeys((value, json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1])):
                text = text.replace(form, HIDDEN)
        return text


def secrets_of(manifests: Sequence[Manifest]) -> Secrets:
    """The secrets of these systems: values under a telling name, and passwords inside addresses.

    Very short values and placeholders are none: hiding them would blank out ordinary words.
    """
    environments = [part.env for each in manifests for part in each.process]
    environments += [part.env for each in manifests for part in each.resource]
    found = {secret for env in environments for name, value in env.items() for secret in _in(name, value)}
    return Secrets(tuple(sorted(found, key=lambda secret: (-len(secret), secret))))


def _in(name: str, value: str) -> Iterable[str]:
    candidates = [*([value] if SECRET_NAME.search(name) else []), *_URL_PASSWORD.findall(value)]
    yield from (text for text in candidates if len(text) >= SHORTEST and not any(find(text)))
