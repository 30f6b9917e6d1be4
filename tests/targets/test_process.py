"""What is special about a process as a target; what all targets do is in `test_target`."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from harness.targets import tree
from harness.targets.keeper import Keeper
from harness.targets.messages import Start
from harness.targets.process import ProcessTarget, base_environment
from harness.targets.ready import Readiness
from tests.targets.conftest import Told, until

pytestmark = pytest.mark.anyio


async def test_a_stop_takes_the_orphans_of_a_killed_parent(keeper: Keeper, make: Callable[..., Start]) -> None:
    """Whatever a process has left behind over its lives is gone after its stop."""
    start = make(main="plain:forking_main")
    process = ProcessTarget(keeper, start, Readiness(how="none"), restart="always", tell=Told())
    await process.start()
    await until(lambda: "forked" in start.log.read_text())
    orphans = (await process.kill("parent")).survivors
    assert orphans
    await process.stop()
    assert not any(map(tree.alive, orphans))


def test_the_base_environment_has_nothing_of_the_harness() -> None:
    """The user's environment without the test run's own variables; loopback addresses bypass proxies."""
    given = {"PATH": "/bin", "PYTEST_CURRENT_TEST": "x", "RETRIGGER_IDENTITY": "y", "http_proxy": "http://proxy"}
    loopback = "127.0.0.1,localhost"
    expected = {"PATH": "/bin", "http_proxy": "http://proxy", "no_proxy": loopback, "NO_PROXY": loopback}
    assert base_environment(given) == expected
