"""Effects as functions of an engine ask the partner for them: under the order's key, so a repeat changes nothing.

Source: the post, fig. 8
"""

from __future__ import annotations

import os
from typing import Any

from reference_services.order import Order
from reference_services.peer import Peer
from reference_services.settings import seconds

__all__ = ["apply"]

partner = Peer(os.environ["WORLD_URL"], seconds("PARTNER_TIMEOUT_S", 5.0))


class Facts(Order, extra="allow"):
    """An order, and the results of earlier steps that an effect depends on."""


def apply(effect: str, order: dict[str, Any], *, epoch: int | None = None, **facts: Any) -> str:
    """Has the partner do it; returns the nonce of the effect, the same for every repeat.

    Args:
        effect: its name. order: the work. epoch: number of the claim, where the engine tells it.
        facts: results of earlier steps.

    Raises:
        CallFailed: it may have been done or not.
    """
    nonce: str = partner.call(f"/{effect}", Facts(**order, **facts), epoch)["nonce"]
    return nonce
