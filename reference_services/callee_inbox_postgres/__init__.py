"""Callee placement on PostgreSQL: an inbox table that several workers empty, each row locked by whoever works on it.

The same promise as `callee_inbox`, kept by other means: there a lease and a token in the row, here a lock that the
database holds for a connection and drops with it. Read `inbox` first, then `orders` and `worker`.

Source: the post, fig. 2.
"""
