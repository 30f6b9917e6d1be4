"""The suite: which plans a campaign runs, and the pytest tests that run them on xdist workers.

`campaign` is pure: from manifests and options to a list of plans, the same in every worker. `cases` runs each of them
as one test, for `retrigger run`; `suite` has one test for each property and family of plans, for everybody's own
pytest. `harness.pytest_plugin` carries options and results; `collect` turns results into a report; `levels` says what
a manifest lets the suite see, `baseline` what is known to fail, `check` whether a manifest tells the truth at all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.conformance.suite import ConformanceSuite

__all__ = ["ConformanceSuite"]


def __getattr__(name: str) -> Any:
    """`ConformanceSuite`, imported when it is asked for: it needs pytest, and `retrigger --help` does not."""
    if name != "ConformanceSuite":
        raise AttributeError(name)
    from harness.conformance.suite import ConformanceSuite

    return ConformanceSuite
