"""A durable execution engine that fits in a reader's head, and the two functions of fig. 8 on it.

`engine` is the server: it keeps triggers, journals and results in one SQLite file. `worker` is the library of the
processes that execute functions. `api` takes orders, `fx` and `fy` are the functions, `s` is a plain service that one
of them may call. Read `engine` first, then `worker`.

Source: the post, fig. 8 and 9
"""
