"""Before any fault: a system that does not do what its manifest says is named with file, key, and the way out."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from harness.errors import ContractError, Problem
from tests.runner.rehearsal import rehearsing
from tests.runner.systems import CHAIN, INBOX, Source

WORLD_IGNORED = INBOX.changed("worker.py", ('effect("charge", row[0], row[1], key=row[0])', "pass"))
PORT_SILENT = INBOX.changed(
    "retrigger.toml",
    ('main = "worker:main"\n', 'start = ["sleep", "60"]\nready = "/healthz"\nready_s = 0.3\n'),
    ('WORLD_URL = "{link:world}"', 'WORLD_URL = "{link:world}", PORT = "{port}"'),
)
EXITS = INBOX.changed(
    "retrigger.toml", ('main = "worker:main"\n', 'start = ["sh", "-c", "echo no licence >&2; exit 3"]\n')
)
NO_SUCH_COMMAND = INBOX.changed("retrigger.toml", ('main = "worker:main"\n', 'start = ["./no-such-worker"]\n'))
CRASHES = CHAIN.changed("orders.py", ("import asyncio, http.client", "import asyncio, http.client, no_such_library"))
NOT_ACCEPTING = CHAIN.changed("orders.py", ("await answer(send, 200)", "await answer(send, 500, b'no such table')"))
LINK_IGNORED = Source(
    name="tiny-detour",
    files=CHAIN.files
    | {
        "front.py": textwrap.dedent("""
            import asyncio, http.client, json, os
            from pathlib import Path
            from shared import answer, body_of

            def forward(order):
                address = f"127.0.0.1:{Path(os.environ['SECRET'], 'port').read_text()}"  # not os.environ["ORDERS_URL"]
                connection = http.client.HTTPConnection(address, timeout=0.4)
                connection.request("POST", "/orders", json.dumps(order))
                return connection.getresponse().status

            async def app(scope, receive, send):
                if scope["type"] != "http":
                    raise NotImplementedError
                try:
                    await answer(send, await asyncio.to_thread(forward, await body_of(receive)))
                except OSError:
                    await answer(send, 503)
        """),
        "orders.py": CHAIN.files["orders.py"]
        + "import os\nfrom pathlib import Path\nPath(os.environ['DATA_DIR'], 'port').write_text(os.environ['PORT'])\n",
        "retrigger.toml": CHAIN.files["retrigger.toml"]
        .replace('node = "orders"', 'node = "front"')
        .replace("env = { WORLD_URL", 'env = { DATA_DIR = "{data}", PORT = "{port}", WORLD_URL')
        + textwrap.dedent("""
            [[process]]
            name = "front"
            app = "front:app"
            env = { ORDERS_URL = "{link:orders}", SECRET = "{data:orders}" }

            [[node]]
            name = "front"
            process = "front"
            route = "POST /orders"
            work_id = "json:/id"

            [[edge]]
            from = "front"
            to = "orders"
            awaits = true
        """),
    },
)


def broken_contract(source: Source, folder: Path) -> Problem:
    """The one problem that the fault-free run finds. Its place begins with the file."""
    with rehearsing(source.open(folder)) as rehearsal, pytest.raises(ContractError) as caught:
        rehearsal.run()
    assert caught.value.exit_code == 2
    [problem] = caught.value.problems
    assert problem.where.startswith(str(folder / "retrigger.toml"))
    assert all((problem.what, problem.expected, problem.got, problem.fix))
    return problem


def test_service_that_ignores_the_worlds_address_is_named(tmp_path: Path) -> None:
    """Its effects go elsewhere, so nobody could count them and no fault would hit them."""
    problem = broken_contract(WORLD_IGNORED, tmp_path)
    assert "effect 'charge' was never attempted" in problem.what
    assert "worker->world" in problem.expected
    assert '"{link:world}"' in problem.fix


def test_service_that_fails_before_its_effect_is_named_with_its_last_words(tmp_path: Path) -> None:
    """Whoever never called the partner has often said why."""
    source = INBOX.changed("worker.py", ('effect("charge",', 'print("no such currency", flush=True), effect("refund",'))
    source = source.changed("worker.py", ("key=row[0])", "key=row[0] / 2)"))
    problem = broken_contract(source.changed("worker.py", ("(OSError, ", "(TypeError, OSError, ")), tmp_path)
    assert "effect 'charge' was never attempted" in problem.what
    assert "no such currency" in problem.evidence


def test_service_that_ignores_the_address_of_another_is_named(tmp_path: Path) -> None:
    """Work arrives, and not through the proxy: a cut of that link would cut nothing."""
    problem = broken_contract(LINK_IGNORED, tmp_path)
    assert problem.what == "process 'front' does not use the address it was given for 'orders'"
    assert "process 'front', env" in problem.where
    assert "front->orders" in problem.expected
    assert '"{link:orders}"' in problem.fix


@pytest.mark.parametrize(
    ("source", "got", "evidence"),
    [
        (EXITS, "exit status 3", "no licence"),
        (NO_SUCH_COMMAND, "exit status 127", "cannot start './no-such-worker'"),
        (CRASHES, "exit status 1", "No module named 'no_such_library'"),
    ],
)
def test_process_that_ends_at_once_is_named_with_its_last_words(
    tmp_path: Path, source: Source, got: str, evidence: str
) -> None:
    """How it ended, and what it said."""
    problem = broken_contract(source, tmp_path)
    assert "ended before it was ready" in problem.what
    assert '[[process]] name = "' in problem.where
    assert got in problem.got
    assert evidence in problem.evidence


def test_port_that_never_answers_is_named(tmp_path: Path) -> None:
    """It runs, and nobody listens: told after the declared time, with where it was asked."""
    problem = broken_contract(PORT_SILENT, tmp_path)
    assert "process 'worker' runs, but was not ready within 0.3 s" in problem.what
    assert 'ready = "/healthz"' in problem.where
    assert "GET /healthz answered at 127.0.0.1:" in problem.expected
    assert "{port}" in problem.fix


def test_service_that_accepts_no_work_is_named_with_its_answer(tmp_path: Path) -> None:
    """An undeclared answer is told at once, with the line that would declare it."""
    problem = broken_contract(NOT_ACCEPTING, tmp_path)
    assert problem.what == "tiny-chain accepts no work, even without faults"
    assert problem.where.endswith("submit")
    assert (problem.expected, problem.got) == ("one of the accepted answers [200]", "status 500 no such table")
    assert problem.fix.startswith("mend the service")


def test_broken_contract_is_found_once(tmp_path: Path) -> None:
    """Every further plan says the same at once; nothing is started again."""
    with rehearsing(EXITS.open(tmp_path)) as rehearsal:
        errors = []
        for _ in range(2):
            with pytest.raises(ContractError) as caught:
                rehearsal.run()
            errors.append(caught.value)
        assert errors[0] is errors[1]
        assert rehearsal.stage._ready == {}
