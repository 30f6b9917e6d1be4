"""Choreography: each service reacts to the event before it, under a trigger of its own; nobody sees the whole.

Read `orders`, `payments`, `shipping` along the way of an order, and back along the way of a refusal.

Source: the post, fig. 6 and "Responsibility boundaries vs Business process boundaries".
"""
