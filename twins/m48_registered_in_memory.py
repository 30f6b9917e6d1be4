"""FLAW: a registration is acknowledged from memory and written later (P11; kill engine after the 202)."""

from __future__ import annotations

import threading
from typing import Any

from fastapi import FastAPI

from reference_services.engine_teaching import engine
from reference_services.engine_teaching.engine import Registration

__all__ = ["app"]

GATHER_S = 0.1

app = FastAPI()


@app.post("/invocations", status_code=201)
def register(asked: Registration) -> dict[str, Any]:
    """Says yes, and writes it down in a moment."""
    known = engine.store.read("select outcome from invocation where id = ?", asked.id)
    if known:
        return engine.register(asked)
    threading.Timer(GATHER_S, engine.register, (asked,)).start()
    return {"done": False, "result": None}


app.mount("/", engine.app)
