"""FLAW: the numbers of requests begin anew with each start (P9; kill C between its request to E and the answer)."""

from __future__ import annotations

import itertools

from twins import correlated
from twins.correlated import app

__all__ = ["app"]


count = itertools.count()
correlated.next_number = lambda: str(next(count))
