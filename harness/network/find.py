"""Finding a Toxiproxy server: PATH, own cache, release download, `go install`, built-in stand-in, in this order.

Every step leaves its outcome, so that `retrigger doctor` and the head of a report can say which server judged and why.
Parallel workers meet at a file lock: one of them downloads or builds, the others find it in the cache.

`RETRIGGER_TOXIPROXY` forces the choice: a path, `stand-in`, or `real` (an error where no real server can be had; the
way to run in CI).
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from queue import Empty, Queue

import platformdirs
import requests
from filelock import FileLock, Timeout

from harness.errors import Problem, SetupError

__all__ = ["ENVIRONMENT_KEY", "TOXIPROXY_VERSION", "Server", "Step", "find_server"]

TOXIPROXY_VERSION = "2.12.0"
ENVIRONMENT_KEY = "RETRIGGER_TOXIPROXY"
MODULE = "github.com/Shopify/toxiproxy/v2"
OLDEST_USABLE = (2, 4)
"""The first release with `-proxy-metrics` and every toxic of the fault table."""

RELEASE_URL = "https://github.com/Shopify/toxiproxy/releases/download/v{version}/toxiproxy-server-{platform}"
RELEASE_SHA256 = {
    "darwin-amd64": "9625bba4bd96117eedae49f982aba4c2f462b268dd406c9ff18186f9b1ef8afe",
    "darwin-arm64": "aa299966b52f16a8594f1cd0d1e9049dc2e8fe2c04a90c19860e2719b2b95d15",
    "linux-amd64": "556d891134a3c582dc1e1a3f7335fd55142e5965769855a00b944e13e48302fc",
    "linux-arm64": "53e770c1c3035b5a9f1bc629fce537db1f95f62b26f4ebe6e756afd701cf077c",
}
"""Of the plain `toxiproxy-server-*` assets of that release, as several independent projects pin them."""

ANSWER_LIMIT_S = 3.0
"""A download that gets no answer is given up after this."""
DOWNLOAD_LIMIT_S = 60.0
BUILD_LIMIT_S = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One link of the chain and how it went.

    name: PATH | cache | download | go install | stand-in | forced.
    outcome: what came of it, in words.
    """

    name: str
    outcome: str

    def __str__(self) -> str:
        return f"{self.name}: {self.outcome}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A Toxiproxy server that can be started.

    path: the real binary; None for the built-in stand-in.
    version: of the module or release; `stand-in` for the stand-in.
    origin: where it came from: a path of the caller's, PATH, download, go install, built in.
    steps: what was tried, in order.
    """

    path: Path | None
    version: str
    origin: str
    steps: tuple[Step, ...] = ()

    @property
    def real(self) -> bool:
        """Whether this is Toxiproxy itself and not the stand-in."""
        return self.path is not None

    @property
    def command(self) -> list[str]:
        """The command line that starts it on a free loopback port, to which the kernel gives the number."""
        program = [str(self.path), "-proxy-metrics"] if self.path else [sys.executable, "-I", str(_STAND_IN)]
        return [*program, "-host", "127.0.0.1", "-port", "0"]

    def __str__(self) -> str:
        if not self.real:
            return "built-in stand-in for Toxiproxy"
        return f"Toxiproxy {self.version} ({self.origin}, {self.path})"


_STAND_IN = Path(__file__).with_name("standin.py")


class _Missing(Exception):
    """This step of the chain has no server; the text says why."""


def find_server(
    cache_dir: Path | None = None,
    *,
    offline: bool = False,
    progress: Callable[[str], None] = lambda text: None,
) -> Server:
    """The first server that the chain has. Blocks for as long as a download or a build takes.

    Args:
        cache_dir: where servers are kept; the user's cache folder by default.
        offline: leave out what needs the network.
        progress: told in a sentence before anything that takes time.

    Returns:
        A server; the stand-in where nothing else can be had.

    Raises:
        SetupError: `RETRIGGER_TOXIPROXY` asks for a server that cannot be had.
    """
    choice = os.environ.get(ENVIRONMENT_KEY, "")
    if choice == "stand-in":
        return _stand_in((Step(name="forced", outcome=f"{ENVIRONMENT_KEY}=stand-in"),))
    if choice not in ("", "real"):
        return _forced(Path(choice))
    folder = (cache_dir or platformdirs.user_cache_path("retrigger")) / f"toxiproxy-{TOXIPROXY_VERSION}"
    server, steps = _first(_chain(folder, offline, progress))
    if server:
        return replace(server, steps=steps)
    if choice == "real":
        raise SetupError(_none_real(steps))
    return _stand_in(steps)


def _stand_in(steps: tuple[Step, ...]) -> Server:
    outcome = "used; the fault table is the same, but it is not Toxiproxy itself"
    return Server(
        path=None,
        version="stand-in",
        origin="built in",
        steps=(*steps, Step(name="stand-in", outcome=outcome)),
    )


def _forced(path: Path) -> Server:
    try:
        server = _checked(path, ENVIRONMENT_KEY)
    except _Missing as reason:
        problem = Problem(
            what=f"{ENVIRONMENT_KEY} names no Toxiproxy server that can be used.",
            where=str(path),
            expected="the path of a server, `real`, or `stand-in`",
            got=str(reason),
            fix=f"unset {ENVIRONMENT_KEY}",
        )
        raise SetupError(problem) from reason
    return replace(server, steps=(Step(name="forced", outcome=f"{ENVIRONMENT_KEY}={path}"),))


_Attempt = tuple[str, Callable[[], Server]]


def _chain(folder: Path, offline: bool, progress: Callable[[str], None]) -> Iterator[_Attempt]:
    yield "PATH", _from_path
    yield "cache", lambda: _from_cache(folder)
    if offline:
        return
    with _alone(folder, progress):
        yield "cache", lambda: _from_cache(folder)
        yield "download", lambda: _downloaded(folder, progress)
        yield "go install", lambda: _built(folder, progress)


def _first(chain: Iterator[_Attempt]) -> tuple[Server | None, tuple[Step, ...]]:
    steps: dict[str, Step] = {}
    try:
        for name, attempt in chain:
            try:
                server = attempt()
            except _Missing as reason:
                steps[name] = Step(name=name, outcome=str(reason))
            else:
                steps[name] = Step(name=name, outcome=f"found {server.version}, {server.path}")
                return server, tuple(steps.values())
    except (OSError, Timeout) as error:
        # The cache folder cannot be written, or another worker holds the lock for longer than a build may take.
        steps["cache folder"] = Step(name="cache folder", outcome=str(error))
    finally:
        chain.close()  # type: ignore[attr-defined]
    return None, tuple(steps.values())


def _alone(folder: Path, progress: Callable[[str], None]) -> FileLock:
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / "lock", timeout=BUILD_LIMIT_S + DOWNLOAD_LIMIT_S)
    try:
        lock.acquire(timeout=0)
        lock.release()
    except Timeout:
        progress("another worker is fetching Toxiproxy; waiting for it")
    return lock


def _from_path() -> Server:
    found = shutil.which("toxiproxy-server")
    if found is None:
        raise _Missing("no toxiproxy-server there")
    return _checked(Path(found), "PATH")


def _from_cache(folder: Path) -> Server:
    path = folder / "server"
    if not path.exists():
        raise _Missing(f"nothing in {folder}")
    server = _checked(path, (folder / "origin").read_text(encoding="utf-8"))
    return replace(server, version=(folder / "version").read_text(encoding="utf-8"))


def _checked(path: Path, origin: str) -> Server:
    """The server at `path`, if it runs and is not too old."""
    try:
        said = subprocess.run([path, "-version"], capture_output=True, text=True, timeout=10, check=True).stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise _Missing(f"{path} does not run: {error}") from error
    match = re.search(r"toxiproxy-server version (\S+)", said, re.IGNORECASE)
    if match is None:
        raise _Missing(f"{path} is something else: {said.strip()[:80]!r}")
    version = _module_version(path) if match[1] == "git" else match[1]
    numbers = tuple(int(number) for number in re.findall(r"\d+", version)[:2])
    if numbers and numbers < OLDEST_USABLE:
        raise _Missing(f"{path} is {version}; needs {'.'.join(map(str, OLDEST_USABLE))} or later")
    return Server(path=path, version=version, origin=origin)


def _module_version(path: Path) -> str:
    """The version of the module inside a binary made by `go install`, which itself reports only "git"."""
    if shutil.which("go") is None:
        return "git"
    done = subprocess.run(["go", "version", "-m", path], capture_output=True, text=True, timeout=30, check=False)
    match = re.search(rf"^\s*mod\s+{re.escape(MODULE)}\s+v(\S+)", done.stdout, re.MULTILINE)
    return match[1] if match else "git"


def _downloaded(folder: Path, progress: Callable[[str], None]) -> Server:
    name = _platform_name()
    if name not in RELEASE_SHA256:
        raise _Missing(f"no release with a known checksum for {name}")
    progress(f"downloading Toxiproxy {TOXIPROXY_VERSION}")
    content = _content(RELEASE_URL.format(version=TOXIPROXY_VERSION, platform=name))
    found = hashlib.sha256(content).hexdigest()
    if found != RELEASE_SHA256[name]:
        raise _Missing(f"checksum is {found}, expected {RELEASE_SHA256[name]}; thrown away")
    with _workshop(folder) as shop:
        (shop / "server").write_bytes(content)
        return _kept(shop, folder, "download")


def _platform_name() -> str:
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    return f"{platform.system().lower()}-{machine}"


def _content(url: str) -> bytes:
    """What is at `url`. The wait for an answer is bounded from outside, for a name server may be silent, too."""
    answers: Queue[requests.Response | requests.RequestException] = Queue()

    def ask() -> None:
        try:
            answers.put(requests.get(url, stream=True, timeout=ANSWER_LIMIT_S))
        except requests.RequestException as error:
            answers.put(error)

    threading.Thread(target=ask, daemon=True).start()
    try:
        answer = answers.get(timeout=ANSWER_LIMIT_S)
    except Empty:
        raise _Missing(f"no answer within {ANSWER_LIMIT_S:g} s") from None
    if isinstance(answer, requests.RequestException):
        raise _Missing(f"no connection: {_innermost(answer)}")
    if not answer.ok:
        raise _Missing(f"HTTP {answer.status_code}")
    return _body(answer)


def _body(answer: requests.Response) -> bytes:
    content = bytearray()
    deadline_s = time.monotonic() + DOWNLOAD_LIMIT_S
    try:
        for chunk in answer.iter_content(chunk_size=1 << 16):
            content += chunk
            if time.monotonic() > deadline_s:
                raise _Missing(f"not complete after {DOWNLOAD_LIMIT_S:g} s")
    except requests.RequestException as error:
        raise _Missing(f"broke off: {_innermost(error)}") from error
    return bytes(content)


def _innermost(error: BaseException) -> str:
    """The reason at the bottom of a chain of errors: `requests` wraps it in layers of addresses."""
    while inner := error.__cause__ or error.__context__:
        error = inner
    return str(error) or type(error).__name__


def _built(folder: Path, progress: Callable[[str], None]) -> Server:
    if shutil.which("go") is None:
        raise _Missing("no Go here")
    progress(f"building Toxiproxy {TOXIPROXY_VERSION} with Go, about half a minute")
    with _workshop(folder) as shop:
        command = ["go", "install", f"{MODULE}/cmd/server@v{TOXIPROXY_VERSION}"]
        environment = {**os.environ, "GOBIN": str(shop)}
        try:
            subprocess.run(
                command, env=environment, capture_output=True, text=True, timeout=BUILD_LIMIT_S, check=True, cwd=shop
            )
        except subprocess.CalledProcessError as error:
            raise _Missing("go install failed: " + " ".join(error.stderr.split()[-40:])) from error
        except subprocess.TimeoutExpired as error:
            raise _Missing(f"go install took longer than {BUILD_LIMIT_S:g} s") from error
        return _kept(shop, folder, "go install")


@contextmanager
def _workshop(folder: Path) -> Iterator[Path]:
    """A folder beside the cache, so that what is finished can be moved in with one atomic step."""
    with tempfile.TemporaryDirectory(dir=folder, prefix="making-") as shop:
        yield Path(shop)


def _kept(shop: Path, folder: Path, origin: str) -> Server:
    """Moves a finished server into the cache, the binary last: whoever sees it sees the rest, too."""
    (shop / "server").chmod(0o755)
    (shop / "origin").write_text(origin, encoding="utf-8")
    # Written down, because a machine without the Go tool could not read it from the binary again.
    (shop / "version").write_text(_checked(shop / "server", origin).version, encoding="utf-8")
    for name in ("version", "origin", "server"):
        os.replace(shop / name, folder / name)
    return _from_cache(folder)


def _none_real(steps: tuple[Step, ...]) -> Problem:
    return Problem(
        what="No real Toxiproxy server can be had.",
        expected=f"one, because {ENVIRONMENT_KEY}=real",
        got="none",
        evidence="\n".join(map(str, steps)),
        fix=f"go install {MODULE}/cmd/server@v{TOXIPROXY_VERSION}, and {ENVIRONMENT_KEY}=PATH_OF_THAT",
    )
