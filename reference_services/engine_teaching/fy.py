"""Process `fy`: executes Fy = B1, B2, B3. Where there is a service S, B2 calls it.

S is no function of the engine: it has no trigger, and whoever executes B2 again calls it again.

Source: the post, fig. 8 and 9
"""

from __future__ import annotations

import os

from reference_services.effects import apply
from reference_services.engine_teaching.worker import Run, work
from reference_services.order import Order
from reference_services.peer import Peer
from reference_services.settings import seconds

__all__ = ["main"]

service = Peer(os.environ["S_URL"], seconds("S_TIMEOUT_S", 5.0)) if "S_URL" in os.environ else None


def fy(run: Run) -> dict[str, str]:
    """Three steps; each uses the result of the one before."""
    order = run.input
    b1 = run.step("B1", lambda: apply("b1", order, epoch=run.epoch))
    b2 = run.step("B2", lambda: book(run, b1))
    b3 = run.step("B3", lambda: apply("b3", order, epoch=run.epoch, b2=b2))
    return {"b1": b1, "b2": b2, "b3": b3}


def book(run: Run, b1: str) -> str:
    """One effect, and the service where there is one: one step, so both are done again together."""
    b2 = apply("b2", run.input, epoch=run.epoch, b1=b1)
    if service:
        service.call("/s", Order.model_validate(run.input))
    return b2


def main() -> None:
    """Works until the process is ended."""
    work({"Fy": fy})
