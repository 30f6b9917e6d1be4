"""What the tests of the services stand on: processes and a broker that can be killed, a partner that can be held.

Independent of the harness on purpose: the services must be right by themselves.
"""

from __future__ import annotations

import importlib
import json
import multiprocessing
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sysconfig
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(
    ["fastapi", "httpx", "nats.aio.client", "uvicorn", "uvicorn.protocols.http.httptools_impl"]
)
PATIENCE_S = 15.0


def wait_until(condition: Callable[[], Any], what: str) -> None:
    """Returns as soon as the condition holds; fails when it has not for very long."""
    deadline_s = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline_s, f"never happened: {what}"
        time.sleep(0.005)


class World:
    """The partner: dedupes by key, counts attempts and applications, and stops at a point when told to.

    `hold[(point, work)]` with point "recv" or "applied" makes a call wait there until its event is set, and then end
    without an answer. `down` answers 500 to everybody.
    """

    def __init__(self) -> None:
        self.attempts: Counter[tuple[str, str]] = Counter()
        self.applied: Counter[tuple[str, str]] = Counter()
        self.nonces: dict[tuple[str, str], str] = {}
        self.reached: set[tuple[str, str]] = set()
        self.hold: dict[tuple[str, str], threading.Event] = {}
        self.down = False
        self._turn = threading.Lock()
        self._receipts: dict[tuple[str, str], str] = {}
        world = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                status, answer = world.receive(self.path[1:], self.headers["Idempotency-Key"], body)
                if status:
                    content = json.dumps(answer).encode()
                    self.send_response(status)
                    self.send_header("Content-Length", str(len(content)))
                    self.end_headers()
                    self.wfile.write(content)

            def log_message(self, *_: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: Any) -> None:  # a caller that was killed does not take its answer
                pass

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def receive(self, effect: str, key: str | None, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """One call: status 0 means that no answer is sent."""
        at = (effect, body["id"])
        with self._turn:
            self.attempts[at] += 1
        if self.down:
            return 500, {}
        if self._held("recv", at):
            return 0, {}
        key = key or secrets.token_hex(8)  # without a key every attempt takes effect
        with self._turn:
            first = (effect, key) not in self._receipts
            if first:
                self._receipts[effect, key] = secrets.token_hex(4)
                self.applied[at] += 1
                self.nonces[at] = body["nonce"]
        if self._held("applied", at):
            return 0, {}
        return 200, {"effect": effect, "work": at[1], "nonce": self._receipts[effect, key], "first": first}

    def _held(self, point: str, at: tuple[str, str]) -> bool:
        gate = self.hold.pop((f"{point} {at[0]}", at[1]), None)
        if gate is None:
            return False
        self.reached.add((f"{point} {at[0]}", at[1]))
        gate.wait(PATIENCE_S)
        return True

    def stop_at(self, point: str, work: str) -> threading.Event:
        """Makes the next call for `work` wait at `point`, for instance "applied charge", and then go unanswered."""
        self.hold[point, work] = threading.Event()
        return self.hold[point, work]

    def wait_at(self, point: str, work: str) -> None:
        """Returns when the call has arrived there."""
        wait_until(lambda: (point, work) in self.reached, f"{point} {work}")

    def wait_applied(self, effect: str, work: str) -> None:
        """Returns when the effect has taken place."""
        wait_until(lambda: self.applied[effect, work], f"{effect} of {work}")

    def close(self) -> None:
        for gate in self.hold.values():
            gate.set()
        self._server.shutdown()
        self._server.server_close()


def run_service(target: str, port: int, environment: dict[str, str]) -> None:
    """Body of a service's process: `module:app` is served on the port, `module:main` is called."""
    os.environ.update(environment)
    module, name = target.split(":")
    entry = getattr(importlib.import_module(module), name)
    if name == "app":
        import uvicorn

        uvicorn.run(entry, host="127.0.0.1", port=port, log_level="error")
    else:
        entry()


def reserve_port() -> socket.socket:
    """A socket that is bound and never listens: the port refuses while its owner is dead, and nobody else gets it."""
    reserved = socket.socket()
    reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    reserved.bind(("127.0.0.1", 0))
    return reserved


class Service:
    """One process of a service, with a port that stays its own over kills."""

    def __init__(self, target: str, environment: dict[str, str]) -> None:
        self.target, self.environment = f"reference_services.{target}", environment
        self._reserved = reserve_port()
        self.port: int = self._reserved.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def start(self) -> Service:
        arguments = (self.target, self.port, self.environment)
        self.process = FORKS.Process(target=run_service, args=arguments, daemon=True)
        self.process.start()
        if self.target.endswith(":app"):
            wait_until(self._answers, f"{self.target} is up")
        return self

    def _answers(self) -> bool:
        assert self.process.is_alive(), f"{self.target} ended: {self.process.exitcode}"
        try:
            return httpx.get(f"{self.url}/healthz", trust_env=False).is_success
        except httpx.TransportError:
            return False

    def signal(self, number: signal.Signals) -> None:
        assert self.process.pid
        os.kill(self.process.pid, number)

    def kill(self) -> None:
        """SIGKILL, and waits until it is dead."""
        if self.process.is_alive():
            self.process.kill()
        self.process.join()

    def close(self) -> None:
        self.kill()
        self._reserved.close()


class Broker:
    """A NATS server of its own with JetStream in files, which forces every write to disk."""

    def __init__(self, folder: Path) -> None:
        self._reserved = reserve_port()
        self.port: int = self._reserved.getsockname()[1]
        self.url = f"nats://127.0.0.1:{self.port}"
        self._config = folder / "nats.conf"
        self._config.write_text(
            f'listen: "127.0.0.1:{self.port}"\n'
            f'jetstream {{ store_dir: "{folder / "jetstream"}", sync_interval: always }}\n'
        )
        self._command = shutil.which("nats-server", path=sysconfig.get_path("scripts")) or "nats-server"

    def start(self) -> Broker:
        quiet = subprocess.DEVNULL
        self.process = subprocess.Popen([self._command, "-c", self._config], stdout=quiet, stderr=quiet)
        wait_until(self._listens, "the broker is up")
        return self

    def _listens(self) -> bool:
        assert self.process.poll() is None, "the broker ended"
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def close(self) -> None:
        self.kill()
        self._reserved.close()


class Link:
    """A TCP hop in front of a server, which can be cut or fall silent while its connections stay open.

    `connections` counts those that were opened: whoever opens another one has left the first.
    """

    def __init__(self, port: int) -> None:
        self.connections = 0
        self.silent = False
        self._target, self._open = port, set[socket.socket]()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._acceptor = threading.Thread(target=self._accept, daemon=True)
        self._acceptor.start()

    def _accept(self) -> None:
        while True:
            try:
                near = self._listener.accept()[0]
                far = socket.create_connection(("127.0.0.1", self._target))
            except OSError:
                return
            self.connections += 1
            self._open |= {near, far}
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while content := source.recv(65536):
                if not self.silent:
                    sink.sendall(content)
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def cut(self) -> None:
        """Ends every connection there is."""
        for end in list(self._open):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)  # closing alone would leave the acceptor waiting
        self._acceptor.join()
        self._listener.close()
        self.cut()
        for end in self._open:
            end.close()


class Client:
    """Whoever places the orders: sends, and says what he really got."""

    def send(self, url: str, work: str) -> int:
        """The status of the answer, or 0 where none came."""
        order = {"id": work, "amount": 5, "nonce": f"nonce-{work}"}
        try:
            return httpx.post(f"{url}/orders", json=order, timeout=2.0, trust_env=False).status_code
        except httpx.TransportError:
            return 0
