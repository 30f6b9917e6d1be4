"""Caller placement by reliable RPC: the row that accepts the order is also the call that has to be made.

`orders` keeps such rows in the outbox of `caller_queue`; the callee is `reference_services.payments`.

Source: the post, fig. 2.
"""
