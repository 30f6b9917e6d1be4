"""What a keeper leaves that was killed itself."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.targets import Keeper, Start, tree
from harness.targets.remains import remove_remains
from tests.targets.conftest import until

pytestmark = pytest.mark.anyio


async def test_the_next_keeper_removes_what_a_killed_one_has_left(tmp_path: Path, make: Callable[..., Start]) -> None:
    """The folder of the dead goes, that of the living stays, also while a service of it runs."""
    living = await Keeper.start(tmp_path / "retrigger-11111111")
    await living.spawn(make(main="plain:main"))
    killed = await Keeper.start(tmp_path / "retrigger-22222222")
    os.kill(killed.pid, signal.SIGKILL)
    await until(lambda: not tree.alive(killed.pid))
    assert killed.folder.exists()
    next_one = await Keeper.start(tmp_path / "retrigger-33333333")
    assert not killed.folder.exists()
    assert living.folder.exists()
    await next_one.close()
    await living.close()
    assert not living.folder.exists()
    assert not next_one.folder.exists()


def test_what_only_looks_like_it_stays(tmp_path: Path) -> None:
    """Another name, no lock file, a link to somewhere else: none of these is a keeper's folder."""
    for name in ("retrigger-xyz", "retrigger-00000000", "elsewhere"):
        (tmp_path / name).mkdir()
    (tmp_path / "retrigger-xyz" / "held.log").touch()
    (tmp_path / "elsewhere" / "held.log").touch()
    (tmp_path / "retrigger-12345678").symlink_to(tmp_path / "elsewhere")
    assert remove_remains(tmp_path) == []
