"""What `pytest --pyargs harness.conformance --retrigger-manifest retrigger.toml` collects."""

from __future__ import annotations

from harness.conformance.suite import ConformanceSuite


class TestConformance(ConformanceSuite):
    """The suite on the manifests of the command line."""
