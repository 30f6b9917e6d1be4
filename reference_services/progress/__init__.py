"""Progressable work: three steps behind one trigger, the inbox of `callee_inbox`, which an attempt may find half done.

`reexec` takes every step again, each under the order's key. `log` keeps the result of each step before it takes the
next one, and takes none twice that it has a result of.

Source: the post, on progressable work.
"""
