"""The catalogue of properties, found by looking: every file in `harness.checks.properties` defines one."""

from __future__ import annotations

import pkgutil
from importlib import import_module

from harness.checks import properties
from harness.checks.property import Property

__all__ = ["PROPERTIES", "find_properties"]


def find_properties() -> tuple[Property, ...]:
    """The properties in the order of their ids: P1a, P1b, P2, ... P16."""
    names = [module.name for module in pkgutil.iter_modules(properties.__path__)]
    found: list[Property] = [import_module(f"{properties.__name__}.{name}").PROPERTY for name in names]
    return tuple(sorted(found, key=_catalogue_order))


def _catalogue_order(prop: Property) -> tuple[int, str]:
    number = "".join(letter for letter in prop.id if letter.isdigit())
    return int(number), prop.id


PROPERTIES = find_properties()
"""Every property that this version judges."""
