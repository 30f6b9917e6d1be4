"""Caller placement by topic: orders writes a log, and each group of readers keeps a position in it.

A queue forgets a message when one consumer has acknowledged it. A log forgets nothing: whoever comes later reads it
from the start, and each reader only remembers how far he is. Read `topic` first, then `orders`, `reader`, and the two
groups, `payments` and `mails`.

Source: the post, fig. 2 and fig. 5.
"""
