"""Services to run, to break and to copy: one package per pattern, and the few blocks that they share.

Every node has the same shape: a keyed call to a partner, then one local transaction that holds the dedupe record, the
change of a balance and whatever hands the work on. Everywhere the order is: make it durable, then acknowledge, then
dedupe whatever the gap between the two lets through twice.

Shared blocks: `settings` (environment), `order` (the payload), `store` (SQLite with durable commits), `account` (a
balance that cannot hide a double booking), `peer` (a call that is safe to repeat), `payments` (a service that is safe
to call again, which several patterns put behind their callers). Nothing here knows the test harness.
"""
