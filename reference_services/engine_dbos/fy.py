"""Process `fy`: a worker without a port that runs Fy = B1, B2, B3, whenever the engine has one for it.

Source: the post, fig. 8 and 9
"""

from __future__ import annotations

import threading

from dbos import DBOS

from reference_services.engine_dbos.engine import OrderData, join_engine, step

__all__ = ["main"]


@DBOS.workflow(name="Fy", max_recovery_attempts=None)
def fy(order: OrderData) -> dict[str, str]:
    """Three steps; a re-execution is served those that are done, and goes on with the next."""
    b1 = step("b1", order)
    b2 = step("b2", order, b1=b1)
    b3 = step("b3", order, b2=b2)
    return {"b1": b1, "b2": b2, "b3": b3}


def main() -> None:
    """Joins the engine, then works until the process is ended."""
    join_engine("fy-service", "Fy")
    threading.Event().wait()
