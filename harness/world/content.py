"""What requests and answers carry, as far as evidence goes: a fingerprint, and whose work they speak of.

Payloads themselves stay out of histories. A fingerprint is enough to say that two are the same.
"""

from __future__ import annotations

import contextlib
import hashlib
import json

__all__ = ["body_of", "fingerprint"]

DIGITS = 12


def fingerprint(body: bytes) -> str:
    """Twelve hex digits that two bodies share only if they are the same; of JSON, whatever its spaces and order.

    Returns:
        An empty text for an empty body.
    """
    if not body:
        return ""
    with contextlib.suppress(ValueError):
        body = json.dumps(json.loads(body), sort_keys=True, separators=(",", ":")).encode()
    return hashlib.sha256(body).hexdigest()[:DIGITS]


def body_of(answer: bytes) -> bytes:
    """The body of a whole HTTP answer, chunks and all where it comes in chunks."""
    return answer.partition(b"\r\n\r\n")[2]
