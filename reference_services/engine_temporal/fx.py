"""Process `fx`: a worker for Fx.

Source: the post, fig. 8
"""

from __future__ import annotations

import asyncio

from reference_services.engine_temporal.engine import work
from reference_services.engine_temporal.workflows import Fx

__all__ = ["main"]


def main() -> None:
    """Works until the process is ended."""
    asyncio.run(work("Fx", Fx))
