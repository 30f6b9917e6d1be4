"""Engines as resources: what they have registered survives a kill and is gone with the next case."""

from __future__ import annotations

import pytest
from temporalio.client import Client

from harness.errors import ServiceError
from harness.manifest.model import Resource
from harness.stores.engines import Engine
from harness.stores.resources import lacking
from tests.stores.conftest import Starting

pytestmark = pytest.mark.anyio


async def test_temporal_keeps_open_workflows_over_a_kill_and_forgets_them_with_the_case(starting: Starting) -> None:
    """A started workflow is pending, also after SIGKILL and a restart; emptied, nothing is."""
    running = await starting("temporal")
    assert isinstance(running.kind, Engine)
    reader = running.kind.reader("Fx")
    client = await Client.connect(running.kind.address(running.kind.port))
    await client.start_workflow("Fx", id="Fx/w1", task_queue="nobody")
    while await reader.read() != ["Fx/w1"]:
        pass  # its list is brought up to date a moment later
    await running.target.kill()
    await running.target.restart()
    await running.kind.awake()
    assert await reader.read() == ["Fx/w1"]
    await running.empty()
    assert await reader.read() == []


async def test_restate_says_which_process_it_cannot_register(starting: Starting) -> None:
    """Nobody listens at the address of a deployment: the resource and the process are named."""
    running = await starting("restate")
    assert isinstance(running.kind, Engine)
    assert await running.kind.reader("Fx").read() == []
    with pytest.raises(ServiceError, match="cannot register process 'fx'"):
        await running.kind.deploy({"fx": "http://127.0.0.1:9"})


@pytest.mark.parametrize("kind", ["restate", "temporal"])
async def test_server_that_is_missing_comes_with_the_line_that_installs_it(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither on PATH nor where `make engines` puts it: the line is `make engines`."""
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setenv("XDG_CACHE_HOME", "/nowhere")
    monkeypatch.setattr("sysconfig.get_path", lambda _: "/nowhere")
    assert lacking(Resource(name="engine", kind=kind)).startswith("make engines")  # type: ignore[arg-type]
