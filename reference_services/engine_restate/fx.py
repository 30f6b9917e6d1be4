"""Process `fx`: Fx = A, B, C, where B is a call of Fy in another process.

The engine calls this process and sends the journal along. While Fx waits for Fy nothing runs here: the call ends, and
the engine makes another when the result is there.

Source: the post, fig. 8
"""

from __future__ import annotations

import restate

from reference_services.effects import apply
from reference_services.engine_restate.retry import RETRY

__all__ = ["app"]

service = restate.Service("Fx", invocation_retry_policy=RETRY)


@service.handler("run")
async def run(ctx: restate.Context, order: dict[str, object]) -> dict[str, object]:
    """A, then Fy, then C, which uses the results of both."""
    a = await ctx.run_typed("A", lambda: apply("a", order))
    # The key is the order's. Without one this call would do as well: the engine journals the child's id before it
    # registers the child. With one, it is the same child for whoever else asks for this order.
    b = await ctx.generic_call("Fy", "run", restate.serde.JsonSerde().serialize(order), idempotency_key=str(order["id"]))
    fy = restate.serde.JsonSerde[dict[str, str]]().deserialize(b)
    c = await ctx.run_typed("C", lambda: apply("c", order, a=a, fy=fy))
    return {"a": a, **(fy or {}), "c": c}


app = restate.app([service])
