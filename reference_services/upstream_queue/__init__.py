"""Upstream placement with a message at the root: it is acknowledged when everything below has answered.

`orders` takes the message and calls `reference_services.payments`, which has no trigger and needs none.

Source: the post, fig. 2 and fig. 4.
"""
