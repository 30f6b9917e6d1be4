"""Secrets of a manifest's environment stand in no report, wherever a service may have said them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.manifest.load import load
from harness.report.redaction import Secrets, secrets_of
from tests.manifest.whole import WHOLE

ENV = 'env = { DATA_DIR = "{data}" }'


def secrets(env: str, folder: Path) -> Secrets:
    """The secrets of a manifest with this environment."""
    path = folder / "retrigger.toml"
    path.write_text(WHOLE.replace(ENV, f'env = {{ DATA_DIR = "{{data}}", {env} }}', 1))
    return secrets_of([load(path)])


@pytest.mark.parametrize(
    ("env", "said"),
    [
        ('DB_PASSWORD = "hunter22"', "login with hunter22 failed"),
        ('api_token = "tok-1234"', "Authorization: tok-1234"),
        ('DATABASE = "postgres://shop:hunter22@localhost/shop"', "password hunter22"),
        ('DATABASE = "postgres://shop:hunter22@{link:worker}/shop"', "password hunter22"),
        ("SECRET = 'a\"b\\c'", json.dumps({"said": 'a"b\\c'})),
    ],
)
def test_a_secret_is_hidden_wherever_it_turns_up(env: str, said: str, tmp_path: Path) -> None:
    """By the name of its variable, or inside an address, as it is or as JSON writes it."""
    hidden = secrets(env, tmp_path).hide(said)
    assert "***" in hidden
    assert not any(word in hidden for word in ("hunter22", "tok-1234", 'a\\"b'))


@pytest.mark.parametrize(
    "env", ['MODE = "plain-text"', 'API_KEY = "{work}"'.replace("{work}", "{link:world}"), 'TOKEN = "no"']
)
def test_what_is_no_secret_is_left_alone(env: str, tmp_path: Path) -> None:
    """Ordinary values, placeholders, and words too short to be one."""
    assert not secrets(env, tmp_path).values
