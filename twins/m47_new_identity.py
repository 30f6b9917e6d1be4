"""FLAW: each start of the process is another executor, and recovery looks for its own work (P1b; kill fx)."""

from __future__ import annotations

import uuid
from typing import Any

from dbos import DBOS

from reference_services.engine_dbos import engine
from reference_services.engine_dbos.fx import app

__all__ = ["app"]

NAME = uuid.uuid4().hex


class Stranger(DBOS):
    """An executor that nobody has ever heard of."""

    def __init__(self, *, config: Any, **more: Any) -> None:
        config["executor_id"] = NAME
        super().__init__(config=config, **more)


engine.DBOS = Stranger
