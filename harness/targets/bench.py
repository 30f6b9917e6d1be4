"""How fast a Python service is forked, answers and is killed. Figures only, nothing is asserted on time."""

from __future__ import annotations

import os
import statistics
import time
from dataclasses import dataclass
from pathlib import Path

from harness.targets.keeper import Keeper
from harness.targets.messages import Module, Start
from harness.targets.ports import ReservedPort
from harness.targets.ready import Readiness, wait_until_ready

__all__ = ["Figures", "measure"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What was measured, medians in seconds.

    keeper_s: from nothing to a keeper with its libraries loaded.
    fork_to_answer_s: from the order to fork to the first good HTTP answer.
    kill_s: from the order to kill to the proof of death.
    runs: how many lives that is the median of.
    """

    keeper_s: float
    fork_to_answer_s: float
    kill_s: float
    runs: int


async def measure(folder: Path, app: str, path: tuple[str, ...], ready: str, runs: int = 50) -> Figures:
    """Starts and kills one service again and again.

    Args:
        folder: a folder that does not exist yet; it is removed in the end.
        app: `package.module:attribute` of an ASGI application.
        path: folders in front of `sys.path` where it is found.
        ready: the HTTP path that answers.
        runs: how many lives.
    """
    begin_s = time.monotonic()
    async with await Keeper.start(folder, [Module(name=app.partition(":")[0], path=path)]) as keeper:
        keeper_s = time.monotonic() - begin_s
        with ReservedPort() as port:
            env = dict(os.environ)
            log = folder / "app.log"
            start = Start(name="app", app=app, path=path, port=port.number, env=env, cwd=folder, log=log)
            lives = [await _life(keeper, start, ready) for _ in range(runs)]
    answers, kills = zip(*lives, strict=True)
    return Figures(
        keeper_s=keeper_s,
        fork_to_answer_s=statistics.median(answers),
        kill_s=statistics.median(kills),
        runs=runs,
    )


async def _life(keeper: Keeper, start: Start, ready: str) -> tuple[float, float]:
    born_s = time.monotonic()
    running = await keeper.spawn(start)
    await wait_until_ready(running, Readiness(how=ready), port=start.port, log=start.log)
    answered_s = time.monotonic()
    await keeper.kill(running.pid)
    return answered_s - born_s, time.monotonic() - answered_s
