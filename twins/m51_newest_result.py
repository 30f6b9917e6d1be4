"""FLAW: whoever attaches to an invocation gets the newest result of its function (P9; two orders, no fault)."""

from __future__ import annotations

import json
from typing import Any

from fastapi import FastAPI

from reference_services.engine_teaching import engine
from reference_services.engine_teaching.engine import Registration

__all__ = ["app"]

NEWEST = "select outcome from invocation where function = ? and outcome is not null order by rowid desc limit 1"

app = FastAPI()


@app.post("/invocations", status_code=201)
def register(asked: Registration) -> dict[str, Any]:
    """What is done is known; whose it is, is not."""
    answer = engine.register(asked)
    if answer["done"]:
        [(newest,)] = engine.store.read(NEWEST, asked.function)
        answer["result"] = json.loads(newest)
    return answer


app.mount("/", engine.app)
