"""The report as JSON lines, for tools that read line by line: `run`, then each `case`, each `system`, and `end`.

Every line says its type. A case carries everything that is known of it, the verdict on each property included.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from pydantic import TypeAdapter

from harness.report.json import circumstances, system_document
from harness.report.model import CaseReport, RunReport

__all__ = ["lines_text"]

_CASES = TypeAdapter(CaseReport)


def lines_text(run: RunReport) -> str:
    """All lines, ending with a newline."""
    return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in _lines(run))


def _lines(run: RunReport) -> Iterator[dict[str, Any]]:
    yield {"type": "run", "command": run.command, **circumstances(run)}
    for system in run.systems:
        for case in system.cases:
            yield {"type": "case", "system": system.name, **_CASES.dump_python(case, mode="json")}
        yield {"type": "system", **system_document(run, system)}
    yield {
        "type": "end", "verdict": run.verdict.value, "exit_code": run.exit_code, "seconds": round(run.seconds, 3),
    }  # fmt: skip
