"""What came out, as JSON: `{"rows": [{"figure", "pattern", "fault", "predicted", "observed", "runs", "equal"}]}`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from harness.truth.rows import RowResult

__all__ = ["as_json", "write_json"]


def write_json(results: Sequence[RowResult], path: Path) -> None:
    """Writes the record, making its folder where it is missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(as_json(results), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def as_json(results: Iterable[RowResult]) -> dict[str, Any]:
    """The record as plain JSON. Besides the seven keys a row says its variant, its plan, and how many runs agreed."""
    return {"rows": [asdict(result) | {"seconds": round(result.seconds, 3)} for result in results]}
