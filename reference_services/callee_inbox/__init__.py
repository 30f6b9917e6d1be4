"""Callee placement: the service writes the order into its own inbox before it says yes, and a worker empties the inbox.

Read `inbox` first, then `orders` (the side that promises) and `worker` (the side that keeps the promise).

Source: the post, fig. 2.
"""
