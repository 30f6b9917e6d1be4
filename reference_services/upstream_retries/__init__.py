"""Upstream placement with retries in place: the caller tries the call again by itself, inside the same invocation.

`orders` calls `reference_services.payments`. Such a retry is quick and cheap, and it is no trigger: it lives in the
memory of the process that waits. Under a human it narrows what he has to repeat; under nobody it hides that there is
nobody.

Source: the post, fig. 4 and fig. 3.
"""
