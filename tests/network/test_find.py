"""The chain that finds a server: each step with real files, processes and sockets, none with the internet."""

from __future__ import annotations

import hashlib
import http.server
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.errors import SetupError
from harness.network import find
from harness.network.find import ENVIRONMENT_KEY, TOXIPROXY_VERSION, Server, find_server

SCRIPT = "#!/bin/sh\necho 'toxiproxy-server version {version}'\n"
GO = """#!/bin/sh
if [ "$1" = install ]; then
    echo "$2" >> {log}
    sleep 0.3
    printf '#!/bin/sh\\necho toxiproxy-server version git\\n' > "$GOBIN/server"
else
    printf 'server: go1.23\\n\\tmod\\t%s\\tv2.12.0\\th1:x\\n' github.com/Shopify/toxiproxy/v2
fi
"""


def program(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)
    return path


@pytest.fixture(autouse=True)
def bare_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No server and no Go on PATH, nothing forced, and a release that nobody serves."""
    (tmp_path / "bin").mkdir()
    for tool in ("sh", "sleep"):
        (tmp_path / "bin" / tool).symlink_to(Path("/bin") / tool)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.delenv(ENVIRONMENT_KEY, raising=False)
    serve_release_at(monkeypatch, free_port())


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def serve_release_at(monkeypatch: pytest.MonkeyPatch, port: int, sha256: str = "0" * 64) -> None:
    monkeypatch.setattr(find, "RELEASE_URL", f"http://127.0.0.1:{port}/v{{version}}/{{platform}}")
    monkeypatch.setattr(find, "RELEASE_SHA256", {find._platform_name(): sha256})


@pytest.fixture
def release() -> Iterator[int]:
    """A web server that has the release; its port."""

    class Release(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = SCRIPT.format(version=TOXIPROXY_VERSION).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None: ...

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Release)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


def outcomes(server: Server) -> dict[str, str]:
    return {step.name: step.outcome for step in server.steps}


def test_bare_machine_gets_the_stand_in_and_every_step_says_why(tmp_path: Path) -> None:
    """Without server, Go and network the stand-in is used, and the doctor can print what was tried."""
    server = find_server(tmp_path / "cache")
    assert not server.real
    assert list(outcomes(server)) == ["PATH", "cache", "download", "go install", "stand-in"]
    assert "refused" in outcomes(server)["download"]
    assert outcomes(server)["go install"] == "no Go here"


def test_path_comes_first(tmp_path: Path) -> None:
    """A server on PATH is taken, with the version that it reports."""
    path = program(tmp_path / "bin" / "toxiproxy-server", SCRIPT.format(version="2.9.0"))
    server = find_server(tmp_path / "cache")
    assert (server.path, server.version, server.origin) == (path, "2.9.0", "PATH")


def test_server_that_is_too_old_is_passed_over(tmp_path: Path) -> None:
    """A server without the metrics that prove a fault is not taken, and the outcome says so."""
    program(tmp_path / "bin" / "toxiproxy-server", SCRIPT.format(version="2.1.4"))
    server = find_server(tmp_path / "cache", offline=True)
    assert not server.real
    assert "2.1.4" in outcomes(server)["PATH"]


def test_download_with_the_right_checksum_is_kept(
    tmp_path: Path, release: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first call downloads, the second finds the cache."""
    digest = hashlib.sha256(SCRIPT.format(version=TOXIPROXY_VERSION).encode()).hexdigest()
    serve_release_at(monkeypatch, release, digest)
    first = find_server(tmp_path / "cache")
    assert (first.version, first.origin) == (TOXIPROXY_VERSION, "download")
    serve_release_at(monkeypatch, free_port())
    second = find_server(tmp_path / "cache")
    assert (second.path, second.version, second.origin) == (first.path, first.version, "download")
    assert list(outcomes(second)) == ["PATH", "cache"]


def test_download_with_a_wrong_checksum_is_thrown_away(
    tmp_path: Path, release: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is not the pinned release is neither run nor kept."""
    serve_release_at(monkeypatch, release, "0" * 64)
    server = find_server(tmp_path / "cache")
    assert not server.real
    assert "checksum" in outcomes(server)["download"]
    assert not list((tmp_path / "cache").rglob("server"))


def test_platform_without_a_known_checksum_downloads_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A download that cannot be checked is not made."""
    monkeypatch.setattr(find, "RELEASE_SHA256", {})
    assert "no release" in outcomes(find_server(tmp_path / "cache"))["download"]


def test_download_without_an_answer_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A silent server is left after the limit, and the chain goes on."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        serve_release_at(monkeypatch, silent.getsockname()[1])
        monkeypatch.setattr(find, "ANSWER_LIMIT_S", 0.2)
        server = find_server(tmp_path / "cache")
    assert "no answer within 0.2 s" in outcomes(server)["download"] or "timed out" in outcomes(server)["download"]
    assert "go install" in outcomes(server)


def test_offline_tries_nothing_that_needs_the_network(tmp_path: Path) -> None:
    """Offline, only PATH and cache are looked at."""
    assert list(outcomes(find_server(tmp_path / "cache", offline=True))) == ["PATH", "cache", "stand-in"]


def test_go_install_records_the_module_version(tmp_path: Path) -> None:
    """The built binary reports "git"; the version of its module is kept beside it, also for who has no Go."""
    log = tmp_path / "builds"
    go = program(tmp_path / "bin" / "go", GO.format(log=log))
    said: list[str] = []
    server = find_server(tmp_path / "cache", progress=said.append)
    assert (server.version, server.origin) == ("2.12.0", "go install")
    assert log.read_text(encoding="utf-8").split() == [f"{find.MODULE}/cmd/server@v{TOXIPROXY_VERSION}"]
    assert "building" in said[-1]
    go.unlink()
    assert find_server(tmp_path / "cache").version == "2.12.0"


def test_failed_build_says_what_go_said(tmp_path: Path) -> None:
    """The end of Go's own error is the outcome."""
    program(tmp_path / "bin" / "go", "#!/bin/sh\necho no such module >&2\nexit 1\n")
    assert "no such module" in outcomes(find_server(tmp_path / "cache"))["go install"]


def test_parallel_workers_build_once(tmp_path: Path) -> None:
    """Three processes at the same time: one builds, all get the same server."""
    log = tmp_path / "builds"
    program(tmp_path / "bin" / "go", GO.format(log=log))
    code = (
        "from harness.network import find; from pathlib import Path; find.RELEASE_SHA256 = {};"
        f"print(find.find_server(Path({str(tmp_path / 'cache')!r})).path)"
    )
    workers = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=dict(os.environ))
        for _ in range(3)
    ]
    paths = {worker.communicate(timeout=60)[0].strip() for worker in workers}
    assert paths == {str(tmp_path / "cache" / f"toxiproxy-{TOXIPROXY_VERSION}" / "server")}
    assert len(log.read_text(encoding="utf-8").splitlines()) == 1


def test_cache_that_cannot_be_written_leads_to_the_stand_in(tmp_path: Path) -> None:
    """A file in the place of the cache folder is named, and the harness still runs."""
    (tmp_path / "cache").write_text("", encoding="utf-8")
    server = find_server(tmp_path / "cache")
    assert not server.real
    assert "cache folder" in outcomes(server)


def test_forced_path_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path in the environment goes before everything."""
    path = program(tmp_path / "mine", SCRIPT.format(version="2.11.0"))
    monkeypatch.setenv(ENVIRONMENT_KEY, str(path))
    assert (find_server().path, find_server().version) == (path, "2.11.0")


@pytest.mark.parametrize("choice", ["/no/such/server", "/bin/sh"])
def test_forced_path_that_is_no_server_is_a_setup_error(choice: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the variable, what it takes, and what was there."""
    monkeypatch.setenv(ENVIRONMENT_KEY, choice)
    with pytest.raises(SetupError, match=ENVIRONMENT_KEY) as caught:
        find_server()
    assert "`stand-in`" in caught.value.problems[0].expected


def test_real_that_cannot_be_had_is_a_setup_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`real` never falls back; the error carries every step's outcome."""
    monkeypatch.setenv(ENVIRONMENT_KEY, "real")
    with pytest.raises(SetupError) as caught:
        find_server(tmp_path / "cache")
    assert "go install: no Go here" in caught.value.problems[0].evidence
