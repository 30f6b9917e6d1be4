"""What travels from node to node: the order, and where an answer is wanted.

Source: the post, fig. 7.
"""

from __future__ import annotations

from reference_services.order import Order

__all__ = ["Message"]


class Message(Order):
    """One piece of work on its way. reply_to: the path under which its sender handles the answer; empty for none."""

    reply_to: str = ""
