"""Orchestration: one durable saga tells each service what to do, waits for it, and answers for the whole.

Read `sales`, which holds the saga; `payments` and `shipping` only do what they are told, as often as they are told.

Source: the post, fig. 9 and "Responsibility boundaries vs Business process boundaries".
"""
