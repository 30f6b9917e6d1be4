"""Which libraries a service imports, read from its source without running a line of it.

The keeper preloads libraries only. Telling them apart: a module is a library when it lies in the standard library or in
site-packages; it is the service's own when it lies anywhere else, or belongs to the same installed distribution as the
service. Only imports that run when a module is loaded count: those inside functions may be lazy for a reason.
"""

from __future__ import annotations

import ast
import importlib.machinery
import importlib.metadata
import sys
import sysconfig
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from harness.targets.messages import Module

__all__ = ["libraries"]

INSTALLED = {"site-packages", "dist-packages"}
STANDARD_LIBRARY = {sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")}


def libraries(modules: list[Module]) -> list[tuple[str, str]]:
    """What the modules import from libraries, through all of their own modules.

    Returns:
        pairs (module, name): `import module`, or `from module import name` where the name is not empty; in order of
        first use, each once.
    """
    found: dict[tuple[str, str], None] = {}
    for module in modules:
        found.update(dict.fromkeys(_walk(module)))
    return list(found)


def _walk(module: Module) -> Iterator[tuple[str, str]]:
    own = _own_packages(module)
    pending, seen = [module.name], set[str]()
    while pending:
        name = pending.pop()
        if name in seen:
            continue
        seen.add(name)
        pending += _packages_above(name)
        for imported, member in _imports(name, module.path):
            if not imported:  # a relative import that leads above its package
                continue
            if _is_own(imported.partition(".")[0], module.path, own):
                pending += [imported, f"{imported}.{member}" if member else imported]
            else:
                yield imported, member


def _packages_above(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[:count]) for count in range(1, len(parts))]


def _own_packages(module: Module) -> frozenset[str]:
    """Packages that are the service's own although they lie in site-packages: those installed together with it."""
    top = module.name.partition(".")[0]
    if not _in_library(_find(top, module.path)):
        return frozenset({top})
    owners = importlib.metadata.packages_distributions()
    return frozenset({top} | {name for name, by in owners.items() if set(by) & set(owners.get(top, ()))})


def _is_own(top: str, path: tuple[str, ...], own: frozenset[str]) -> bool:
    spec = _find(top, path)
    built_in = spec is None and top in sys.stdlib_module_names
    return top in own or not (built_in or _in_library(spec))


def _in_library(spec: importlib.machinery.ModuleSpec | None) -> bool:
    """Whether a module is installed; what cannot be found is not, and so never gets imported here."""
    places = [spec.origin, *(spec.submodule_search_locations or ())] if spec else []
    return any(_installed(Path(place)) for place in places if place)


def _installed(place: Path) -> bool:
    return bool(INSTALLED & set(place.parts)) or any(place.is_relative_to(folder) for folder in STANDARD_LIBRARY)


@cache
def _find(name: str, path: tuple[str, ...]) -> importlib.machinery.ModuleSpec | None:
    """Where a module lies, found without importing the packages above it, which `importlib.util.find_spec` would."""
    places: list[str] | None = [*path, *sys.path]
    spec = None
    for package in [*_packages_above(name), name]:
        spec = importlib.machinery.PathFinder.find_spec(package, places)
        if spec is None:
            return None
        places = list(spec.submodule_search_locations or ())
    return spec


def _imports(name: str, path: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """The imports of one module, relative ones made absolute; none where it has no source or does not parse."""
    spec = _find(name, path)
    if spec is None or not spec.origin or not spec.origin.endswith(".py"):
        return
    try:
        body = ast.parse(Path(spec.origin).read_bytes()).body
    except (OSError, SyntaxError, ValueError):  # whoever runs the module will say it better
        return
    package = name if spec.submodule_search_locations is not None else name.rpartition(".")[0]
    for node in _run_at_import(body):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(node, package)
            yield from ((base, "" if alias.name == "*" else alias.name) for alias in node.names)


def _absolute(node: ast.ImportFrom, package: str) -> str:
    if not node.level:
        return node.module or ""
    parts = package.split(".")
    return ".".join([*parts[: len(parts) - node.level + 1], *filter(None, [node.module])])


def _run_at_import(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements that run when the module is loaded, also below `if`, `try` and `class`."""
    for node in body:
        yield node
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or _for_type_checkers(node):
            continue
        for part in ("body", "orelse", "finalbody"):
            yield from _run_at_import(getattr(node, part, []))
        for handler in getattr(node, "handlers", []):
            yield from _run_at_import(handler.body)


def _for_type_checkers(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
