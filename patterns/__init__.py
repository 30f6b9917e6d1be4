"""One folder per pattern, each with its own manifest and page. Whatever has a `retrigger.toml` here is a pattern."""

PLACEMENTS = ("caller_queue", "callee_inbox", "upstream_sync", "engine_dbos")
"""The four places where responsibility can be: what `retrigger compare` puts side by side."""
DEMO = (*PLACEMENTS, "callee_naive")
"""What `retrigger demo` sets side by side: the four placements, and what one of them is often taken for."""
