"""The page about the model says what the code computes, and the model stays pure."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import harness.boundaries
from tests.boundaries.tables import PAGE, filled


def test_every_table_of_the_page_is_what_the_code_computes() -> None:
    """Repair with `python -m tests.boundaries.tables`."""
    page = PAGE.read_text(encoding="utf-8")
    assert page == filled(page)


def test_the_model_imports_nothing_but_the_standard_library_and_the_errors() -> None:
    """The pure part runs anywhere, without any of the project's dependencies."""
    for path in Path(str(harness.boundaries.__file__)).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = (
                [node.module]
                if isinstance(node, ast.ImportFrom)
                else [alias.name for alias in getattr(node, "names", [])]
            )
            if isinstance(node, ast.Import | ast.ImportFrom):
                for name in map(str, names):
                    allowed = (
                        name.startswith(("harness.boundaries", "harness.errors"))
                        or name.split(".")[0] in sys.stdlib_module_names
                    )
                    assert allowed, f"{path.name} imports {name}"
