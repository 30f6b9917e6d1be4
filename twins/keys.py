"""What twins need that do not keep to one key: calls that go out under a new one each time."""

from __future__ import annotations

import secrets

import httpx

from reference_services.peer import Peer

__all__ = ["forgetful"]


def forgetful(peer: Peer) -> None:
    """From here on every call of this peer has a key of its own."""

    def rekey(request: httpx.Request) -> None:
        request.headers["Idempotency-Key"] = secrets.token_hex(8)

    peer._client.event_hooks = {"request": [rekey]}
