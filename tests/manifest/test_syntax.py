"""Text that is not TOML: the line of the slip, and the line as it should be."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.manifest.whole import WHOLE, problems_of

SLIPS = {
    "text without quotes": ('restart = "always"', "restart = always", 17, 'restart = "always"'),
    "as in YAML": ('restart = "always"', 'restart: "always"', 17, 'restart = "always"'),
    "quote not closed": ('restart = "always"', 'restart = "always', 17, 'restart = "always"'),
    "no equals sign": ('restart = "always"', 'restart "always"', 17, 'restart = "always"'),
    "true as in Python": ("awaits = false", "awaits = False", 48, "awaits = false"),
    "list not closed": ('["./worker"]', '["./worker"', 21, 'start = ["./worker"]'),
    "header not closed": ('[[node]]\nname = "payments"', '[[node]\nname = "payments"', 34, "[[node]]"),
    "key twice": ("awaits = false", "awaits = false\nawaits = true", 49, "delete this line"),
    "one table twice": ("[[pending]]", "[submit]", 51, "move the keys below to line 4, and delete this line"),
    "many tables as one": ("[[pending]]", "[resource]\n[resource]", 52, "[[resource]]   here and in line 51"),
}


@pytest.mark.parametrize("name", SLIPS)
def test_slip_in_the_syntax_names_its_line_and_the_line_to_write(name: str, tmp_path: Path) -> None:
    """A slip is named at the line where it is, even where the parser stumbles later, and mended."""
    old, new, line, fix = SLIPS[name]
    assert old in WHOLE
    [problem] = problems_of(WHOLE.replace(old, new, 1), tmp_path)
    assert (problem.where, problem.fix) == (f"{tmp_path}/retrigger.toml:{line}", fix)


def test_trailing_comma_and_line_breaks_in_an_inline_table_never_end_in_a_traceback(tmp_path: Path) -> None:
    """Older readers refuse what newer ones take; where it is refused, the table is offered on one line."""
    text = WHOLE.replace('"callee", kind = "inbox",', '"callee",\n  kind = "inbox",')
    for problem in problems_of(text, tmp_path):
        assert problem.where.endswith(":49")
        assert problem.fix.startswith('trigger = { placement = "callee", kind = "inbox"')


def test_text_that_is_no_toml_at_all_still_names_a_line(tmp_path: Path) -> None:
    """Whatever the file is, the answer is one problem with a line of it."""
    for text in ("{", "\x00", "]]]]", "=", "a = " + "[" * 3000, 'a = """', "<html>\n</html>"):
        [problem] = problems_of(text, tmp_path)
        assert 1 <= int(problem.where.rpartition(":")[2]) <= text.count("\n") + 1
        assert problem.fix


def test_secret_on_a_broken_line_is_not_printed(tmp_path: Path) -> None:
    """Errors end up in logs: the value of a variable named as a secret is not in them."""
    for line in ('env = { API_KEY = "hush" ', 'API_TOKEN = "hush', "DB_PASSWORD: hush"):
        [problem] = problems_of(f"{WHOLE}\n[process.env]\n{line}\n", tmp_path)
        assert "hush" not in str(problem)
