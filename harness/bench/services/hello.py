"""The smallest FastAPI service: what a start costs before a service has anything of its own to do."""

from __future__ import annotations

from fastapi import FastAPI

__all__ = ["app"]

app = FastAPI()


@app.get("/healthz")
def healthz() -> dict[str, str]:
    """Answers when the service is up."""
    return {"status": "ok"}
