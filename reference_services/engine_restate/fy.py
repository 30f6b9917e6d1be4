"""Process `fy`: Fy = B1, B2, B3. Where there is a service S, B2 calls it.

S is no function of the engine: it has no trigger, and whoever executes B2 again calls it again.

Source: the post, fig. 8 and 9
"""

from __future__ import annotations

import os
from typing import Any

import restate

from reference_services.effects import apply
from reference_services.engine_restate.retry import RETRY
from reference_services.order import Order
from reference_services.peer import Peer
from reference_services.settings import seconds

__all__ = ["app"]

service = restate.Service("Fy", invocation_retry_policy=RETRY)
plain = Peer(os.environ["S_URL"], seconds("S_TIMEOUT_S", 5.0)) if "S_URL" in os.environ else None


@service.handler("run")
async def run(ctx: restate.Context, order: dict[str, Any]) -> dict[str, str]:
    """Three steps; each uses the result of the one before."""
    b1 = await ctx.run_typed("B1", lambda: apply("b1", order))
    b2 = await ctx.run_typed("B2", lambda: book(order, b1))
    b3 = await ctx.run_typed("B3", lambda: apply("b3", order, b2=b2))
    return {"b1": b1, "b2": b2, "b3": b3}


def book(order: dict[str, Any], b1: str) -> str:
    """One effect, and the service where there is one: one step, so both are done again together."""
    b2 = apply("b2", order, b1=b1)
    if plain:
        plain.call("/s", Order.model_validate(order))
    return b2


app = restate.app([service])
