"""Upstream placement: orders calls payments, payments calls ledger, each waits, and none has a trigger of its own.

One human stands behind all three: he waits for the confirmation and clicks again, with the same key, until he has it. A
click runs the whole chain again, so every node does its work under that key and finds what it has done already. Read
`orders`, `payments`, `ledger` in that order; they differ only in what they call.

Source: the post, fig. 4.
"""
