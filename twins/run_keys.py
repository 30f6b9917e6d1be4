"""What twins of the engine need that make work twice: effects under the key of the invocation that asks for them.

It is the obvious key, and as good as any while an order has one invocation of each function.
"""

from __future__ import annotations

from typing import Any

from reference_services.effects import partner
from reference_services.engine_teaching.worker import Run

__all__ = ["apply_in"]


def apply_in(run: Run, effect: str, order: dict[str, Any]) -> str:
    """Has the partner do it for this invocation."""
    headers = {"Idempotency-Key": run.id, "X-Work-Id": order["id"]}
    response = partner._client.post(f"/{effect}", json=order, headers=headers)
    nonce: str = response.raise_for_status().json()["nonce"]
    return nonce
