"""What the figures were measured on; figures of two machines say nothing about two versions."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any

from harness import __version__
from harness.network import Server

__all__ = ["machine"]


def machine(server: Server) -> dict[str, Any]:
    """The machine, the Python and the proxy, as the file describes them."""
    return {
        "cores": len(os.sched_getaffinity(0)),
        "cpu": _cpu(),
        "python": platform.python_version(),
        "platform": platform.platform(terse=True),
        "load_1m": round(os.getloadavg()[0], 2),
        "retrigger": __version__,
        "toxiproxy": {"version": server.version, "origin": server.origin, "real": server.real},
    }


def _cpu() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(models, platform.machine())
