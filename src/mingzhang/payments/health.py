"""A circuit breaker per payment channel (通道熔断): nobody is sent to a channel that answers no more (R10, R20).

Every call to a channel tells how it ended. Several without an answer in a row open the breaker, for all processes and
for the pages; while it is open no payment is opened there. Sweeps go on asking: the first answer closes it. After a
pause without any sign it lets openings through again, so that a quiet shop finds out, too.
"""

import time
from datetime import datetime, timedelta
from typing import Final

import asyncpg

from mingzhang.payments.channels.base import Outcome
from mingzhang.payments.store import SQL

FAILURES: Final = 5  # in a row
PAUSE_S: Final = 60  # the shop's seconds
FRESH_REAL_S: Final = 0.5
SILENT: Final = frozenset({Outcome.UNKNOWN, Outcome.NOT_SENT})


class Health:
    """What one process has heard, and what all of them know (at most half a second old)."""

    def __init__(self) -> None:
        self._silences: dict[str, int] = {}
        self._down: dict[str, datetime] = {}
        self._read_at = float("-inf")

    async def heard(
        self, pool: asyncpg.Pool, channel: str, outcome: Outcome, code: str, now: datetime
    ) -> None:
        """A call to a channel ended; `code` says how, for staff."""
        if outcome not in SILENT:
            self._silences.pop(channel, None)
            await self.refresh(pool)
            if channel in self._down:
                await self._write(pool, SQL.set_channel_up, channel, now)
            return
        self._silences[channel] = self._silences.get(channel, 0) + 1
        if self._silences[channel] >= FAILURES:
            self._silences[channel] = 0
            await self._write(pool, SQL.set_channel_down, channel, now, code[:64])

    async def _write(self, pool: asyncpg.Pool, statement: str, *values: object) -> None:
        async with pool.acquire() as conn:
            await conn.execute(statement, *values)
        self._read_at = float("-inf")
        await self.refresh(pool)

    async def refresh(self, pool: asyncpg.Pool) -> None:
        """Read what all processes know, unless that was just done."""
        if time.monotonic() - self._read_at < FRESH_REAL_S:
            return
        self._read_at = time.monotonic()
        async with pool.acquire() as conn:
            rows = await conn.fetch(SQL.list_channels_down)
        self._down = {row["channel"]: row["checked_at"] for row in rows}

    def down(self, now: datetime) -> frozenset[str]:
        """The channels that nobody is sent to now, by the last reading."""
        pause = timedelta(seconds=PAUSE_S)
        return frozenset(name for name, seen in self._down.items() if now < seen + pause)
