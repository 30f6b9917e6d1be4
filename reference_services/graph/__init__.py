"""Six nodes that call each other, as figs. 3 to 7 of the post draw them: one program, and the environment says which.

`node` is the program; what it calls and how is in its environment, so that a manifest *is* the figure. `queue` is the
middleware in front of nodes that are handed their work: it keeps each message until its receiver has done it. `memory`
is what a node must not forget.

Source: the post, figs. 2 to 7.
"""
