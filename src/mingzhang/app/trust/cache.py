"""The trust page in memory: however many ask, it is read once in some seconds."""

from __future__ import annotations

import asyncio
import time
from typing import Final

from mingzhang.app.desk import Desk
from mingzhang.app.trust.read import read_trust
from mingzhang.web.model_trust import TrustPage

FRESH_REAL_S: Final = 5.0


class Trust:
    """The page of one application, at most `FRESH_REAL_S` old; whoever comes while it is read waits for that reading."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._known: TrustPage | None = None
        self._read_at = float("-inf")
        self._lock = asyncio.Lock()

    async def read(self) -> TrustPage:
        """What holds."""
        async with self._lock:
            if self._known is None or time.monotonic() - self._read_at >= FRESH_REAL_S:
                self._known = await read_trust(self._desk)
                self._read_at = time.monotonic()
            return self._known

    def forget(self) -> None:
        """Read it at the next look."""
        self._read_at = float("-inf")
