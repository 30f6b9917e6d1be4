"""What was observed: one list of events, one observer, one clock.

A history is all that the checks get to see. It is written by the harness's own parts (client, taps, world, targets,
network, stores), never by the service, and saved as JSON lines that can be judged again later and elsewhere. Its first
event, `system`, carries what was declared, so that a history explains itself.
"""

from harness.history.events import Event, History, Kind, read_jsonl

__all__ = ["Event", "History", "Kind", "read_jsonl"]
