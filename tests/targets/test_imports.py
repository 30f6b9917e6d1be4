"""Libraries are told from the service's own modules by reading sources, and nothing of the service is run."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.targets.imports import libraries
from harness.targets.messages import Module


def libraries_of(folder: Path, sources: dict[str, str], name: str, *more: str) -> set[str]:
    """What a service made of these files imports from libraries."""
    for path, text in sources.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
    path = (str(folder), *(str(folder / part) for part in more))
    return {f"{module}.{member}" if member else module for module, member in libraries([Module(name=name, path=path)])}


def test_imports_are_followed_through_the_services_own_modules(tmp_path: Path) -> None:
    """Absolute and relative, packages and their parts, each once; cycles end."""
    sources = {
        "shop/__init__.py": "import json",
        "shop/orders/__init__.py": "",
        "shop/orders/web.py": "from . import rows\nfrom ..money import cents\nimport shop.late",
        "shop/orders/rows.py": "import sqlite3",
        "shop/money.py": "from decimal import Decimal\nfrom shop.orders import web",
        "shop/late.py": "import httpx as client",
    }
    assert libraries_of(tmp_path, sources, "shop.orders.web") == {"json", "sqlite3", "decimal.Decimal", "httpx"}


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("try:\n import uvloop\nexcept ImportError:\n import asyncio", {"uvloop", "asyncio"}),
        ("if True:\n import json\nelse:\n import csv", {"json", "csv"}),
        ("class A:\n import json", {"json"}),
        ("def f():\n import json", set()),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n import json", {"typing.TYPE_CHECKING"}),
        ("from json import *", {"json"}),
        ("from ... import nowhere", set()),
        ("not python at all", set()),
        ("import not_installed_anywhere", set()),
    ],
)
def test_only_what_runs_at_import_and_can_be_had_counts(source: str, found: set[str], tmp_path: Path) -> None:
    """Imports inside functions may be lazy for a reason; those for type checkers never run."""
    assert libraries_of(tmp_path, {"service.py": source}, "service") - {"uvloop"} == found - {"uvloop"}


def test_a_services_own_module_wins_over_a_library_of_its_name(tmp_path: Path) -> None:
    """As on `sys.path`: first found, first taken."""
    sources = {"service.py": "import httpx", "httpx.py": "raise SystemExit"}
    assert libraries_of(tmp_path, sources, "service") == set()


def test_a_module_in_site_packages_is_a_library(tmp_path: Path) -> None:
    """It is named, and not followed."""
    sources = {"service.py": "import lib.part", "site-packages/lib/part.py": "import json"}
    assert libraries_of(tmp_path, sources, "service", "site-packages") == {"lib.part"}


def test_an_installed_service_is_not_its_own_library() -> None:
    """A service that was installed with pip is followed, not preloaded: httpx stands in for one here."""
    found = {module for module, _ in libraries([Module(name="httpx._client")])}
    assert "urllib.parse" in found
    assert not any(module.partition(".")[0] == "httpx" for module in found)
