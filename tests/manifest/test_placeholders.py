"""Placeholders: what is replaced, what is left alone, what is refused."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import ManifestError
from harness.manifest.model import Manifest
from harness.manifest.placeholders import Placeholder, fill, find, links, redact, slips, uses
from tests.manifest.whole import WHOLE

VALUES = {"work": "w1", "port": "8001", "data": "/d", "data:orders": "/o", "link:world": "http://127.0.0.1:1"}


def test_known_placeholders_are_replaced_in_every_string_and_key() -> None:
    """Text, lists, tables and their keys; numbers and the template itself are left as they are."""
    template = {"{work}": ["{data}/x", {"url": "{link:world}/charge?id={work}"}], "n": 5, "t": True, "z": None}
    assert fill(template, VALUES) == {
        "w1": ["/d/x", {"url": "http://127.0.0.1:1/charge?id=w1"}],
        "n": 5,
        "t": True,
        "z": None,
    }
    assert "{work}" in template
    assert fill("{data:orders}", VALUES) == "/o"


@pytest.mark.parametrize(
    "text",
    [
        '{"port": 8080, "data": {"work": 1}}',
        "${HOME} {} {{}} {0}",
        "{message:s} {levelname}",
        "{ work }",
        "{work",
        "work}",
    ],
)
def test_braces_that_are_no_placeholder_survive(text: str) -> None:
    """JSON, shell variables and format strings in an environment are handed on as they are."""
    assert fill(text, VALUES) == text
    assert not list(find(text))
    assert not list(slips(text))


@given(st.text())
def test_text_without_placeholders_is_never_changed(text: str) -> None:
    """Filling touches placeholders and nothing else."""
    if not list(find(text)):
        assert fill(text, VALUES) == text


@pytest.mark.parametrize("text", ["{link:typo}", "{link}", "{nonce}", "{port:1}", "{data:}"])
def test_placeholder_without_a_value_is_refused(text: str) -> None:
    """A service would take the braces for an address: never handed on."""
    with pytest.raises(ManifestError, match="nothing can be put for"):
        fill(text, VALUES)


def test_value_that_looks_like_a_placeholder_is_not_replaced_again() -> None:
    """One pass: what is put in is data."""
    assert fill("{work}", {"work": "{port}", "port": "1"}) == "{port}"


def test_near_misses_are_recognised() -> None:
    """A slip of the finger is told; `${...}` belongs to the shell, and words of a format string to the service."""
    assert list(slips("{prot} {Link:world} {world} {datas:orders}")) == [
        ("{prot}", "{port}"),
        ("{Link:world}", "{link:world}"),
        ("{world}", "{link:world}"),
        ("{datas:orders}", "{data:orders}"),
    ]
    assert list(slips("{url:orders}", ["orders"])) == [("{url:orders}", "{link:orders}")]
    assert not list(slips("${PORT} ${port} {date} {name:orders}"))


def test_links_are_the_pairs_of_user_and_target() -> None:
    """Every arrow that gets a proxy of its own, from env and command alike."""
    text = WHOLE.replace('"./worker"', '"./worker", "--orders={link:orders}"')
    manifest = Manifest.model_validate(tomllib.loads(text))
    assert links(manifest) == {("worker", "world"), ("worker", "orders")}


def test_uses_say_which_key_carries_which_text() -> None:
    """Every text that may carry placeholders is listed once, under the key where it stands in the file."""
    manifest = Manifest.model_validate(tomllib.loads(WHOLE))
    found = {(use.where, use.at): list(find(use.text)) for use in uses(manifest)}
    assert found["submit", ("submit", "request", "json", "id")] == [Placeholder(word="work")]
    assert found["process", ("process", 1, "env", "DATA_DIR")] == [Placeholder(word="data", name="orders")]
    assert found["at", ("node", 1, "effects", 0, "at")] == [Placeholder(word="link", name="world")]
    assert found["reader", ("pending", 0, "sql", "sqlite")] == [Placeholder(word="data", name="orders")]


def test_secrets_of_an_environment_are_hidden() -> None:
    """By the name of the variable, in any case of letters, and passwords inside addresses."""
    env = {
        "API_KEY": "a",
        "github_token": "b",
        "MySecret": "c",
        "PGPASSWORD": "d",
        "URL": "postgres://me:pw@127.0.0.1/db",
        "DIR": "/data",
    }
    assert redact(env) == {
        "API_KEY": "***",
        "github_token": "***",
        "MySecret": "***",
        "PGPASSWORD": "***",
        "URL": "postgres://me:***@127.0.0.1/db",
        "DIR": "/data",
    }
