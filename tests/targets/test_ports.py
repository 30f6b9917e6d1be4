"""A reserved port refuses while nobody serves it, goes to nobody else, and can be bound by ordinary servers."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from harness.targets.keeper import Keeper
from harness.targets.messages import Start
from harness.targets.ports import ReservedPort
from tests.targets.conftest import fetch, python, serve

NODE = "require('http').createServer((request, answer) => answer.end('node')).listen({port}, '127.0.0.1')"
GO = """package main

import "net/http"

func main() {
	http.HandleFunc("/", func(answer http.ResponseWriter, request *http.Request) { answer.Write([]byte("go")) })
	panic(http.ListenAndServe("127.0.0.1:{port}", nil))
}
"""
PLAIN = "import http.server\nhttp.server.test(http.server.SimpleHTTPRequestHandler, port={port}, bind='127.0.0.1')"


def test_a_reserved_port_refuses_connections(port: ReservedPort) -> None:
    """The kernel answers with a refusal, not with silence."""
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port.number), timeout=5)


def test_a_reserved_port_is_given_to_nobody_else(port: ReservedPort) -> None:
    """Neither to one who asks for it without sharing, nor to those who ask for any port."""
    with socket.socket() as other, pytest.raises(OSError, match="already in use"):
        other.bind(("127.0.0.1", port.number))
    others = [ReservedPort() for _ in range(200)]
    assert port.number not in {other.number for other in others}
    for other in others:
        other.release()


def test_a_released_port_is_free() -> None:
    """After the end of the `with` anybody can have it."""
    with ReservedPort() as port:
        pass
    with socket.socket() as other:
        other.bind(("127.0.0.1", port.number))


@pytest.mark.anyio
@pytest.mark.parametrize("server", ["uvicorn", "http.server", "node", "go"])
async def test_ordinary_servers_bind_a_reserved_port_again_and_again(
    server: str, keeper: Keeper, make: Callable[..., Start], port: ReservedPort, tmp_path: Path
) -> None:
    """Each serves, is killed, and serves again at the same port; in between it refuses."""
    start = make(**how_to_start(server, port, tmp_path))
    for _ in range(2):
        running = await serve(keeper, start, "/")
        assert (await fetch(port)).status_code == 200
        await keeper.kill(running.pid)
        with pytest.raises(httpx.ConnectError):
            await fetch(port)


def how_to_start(server: str, port: ReservedPort, folder: Path) -> dict[str, object]:
    """The fields of a Start for one kind of server. Skips where its language is not installed."""
    if server == "uvicorn":
        return {"app": "plain:app", "port": port.number}
    if server == "http.server":
        return {"command": python(PLAIN.format(port=port.number)), "port": port.number}
    program = shutil.which(server)
    if program is None:
        pytest.skip(f"{server} is not on PATH")
    if server == "node":
        return {"command": (program, "-e", NODE.replace("{port}", str(port.number))), "port": port.number}
    return {"command": (_build_go(program, port, folder),), "port": port.number}


def _build_go(program: str, port: ReservedPort, folder: Path) -> str:
    import subprocess

    source = folder / "server.go"
    source.write_text(GO.replace("{port}", str(port.number)))
    subprocess.run([program, "build", "-o", folder / "server", source], check=True, timeout=120)
    return str(folder / "server")
