"""Process `fx`: Fx = A, B, C, where B is a call of Fy in another process.

The engine calls this process and sends the journal along. While Fx waits for Fy nothing runs here: the call ends, and
the engine makes another when the result is there.

Source: the post, fig. 8
"""

from __future__ import annotations

import json

import restate

from reference_services.effects import apply
from reference_services.engine_restate.retry import RETRY

__all__ = ["app"]

service = restate.Service("Fx", invocation_retry_policy=RETRY)


@service.handler("run")
async def run(ctx: restate.Context, order: dict[str, object]) -> dict[str, object]:
    """A, then Fy, then C, which uses the results of both."""
    a = await ctx.run_typed("A", lambda: apply("a", order))
    # The engine journals the child's id before it registers the child, so a key would not be needed for this. With
    # one, it is the same child for whoever else asks for this order.
    answer = await ctx.generic_call("Fy", "run", json.dumps(order).encode(), idempotency_key=str(order["id"]))
    fy: dict[str, str] = json.loads(answer)
    c = await ctx.run_typed("C", lambda: apply("c", order, a=a, fy=fy))
    return {"a": a, **fy, "c": c}


app = restate.app([service])
