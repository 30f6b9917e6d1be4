"""Another group: writes to the customer. It has a position of its own, and waits for payments as little as they for it.

Source: the post, fig. 2.
"""

from __future__ import annotations

import os

from reference_services.caller_topic.reader import follow
from reference_services.caller_topic.topic import Topic
from reference_services.peer import Peer
from reference_services.settings import file_of, seconds

__all__ = ["main"]

mail = Peer(os.environ["MAIL_URL"], seconds("PARTNER_TIMEOUT_S", 5.0))


def main() -> None:
    """Works for ever."""
    follow(Topic(file_of("TOPIC_DIR", "topic.db")), "mails", lambda order: mail.call("/mail", order))
