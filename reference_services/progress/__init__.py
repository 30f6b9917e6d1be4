"""Progressable work: three steps behind one trigger, the inbox of `callee_inbox`, which an attempt may find half done.

`reexec` takes every step again, each under the order's key.

Source: the post, on progressable work.
"""
