"""A circuit breaker per outside party (熔断): what nobody answers is left alone for a while, by all processes alike.

Every call tells how it ended. Several without an answer in a row open the breaker; the first answer closes it. What
is open stands in a near-static row, read at most twice a second. After a pause without any sign it lets calls
through again, so that a quiet shop finds out, too.
"""

import time
from datetime import datetime, timedelta
from typing import Final

import asyncpg

FAILURES: Final = 5  # in a row
PAUSE_S: Final = 60  # the shop's seconds
FRESH_REAL_S: Final = 0.5


class Breaker:
    """What one process has heard, and what all of them know (at most half a second old).

    The statements: ``set_down`` (name, now, code), ``set_up`` (name, now), ``list_down`` (its rows begin with the
    name and have ``checked_at``). ``pause_s``: how long it stays open without any further sign, the shop's seconds.
    """

    def __init__(self, set_down: str, set_up: str, list_down: str, pause_s: float = PAUSE_S) -> None:
        self._pause = timedelta(seconds=pause_s)
        self._set_down, self._set_up, self._list_down = set_down, set_up, list_down
        self._silences: dict[str, int] = {}
        self._down: dict[str, datetime] = {}
        self._read_at = float("-inf")

    async def answered(self, pool: asyncpg.Pool, name: str, now: datetime) -> None:
        """It answered, whatever it said: closed again."""
        self._silences.pop(name, None)
        await self.refresh(pool)
        if name in self._down:
            await self._write(pool, self._set_up, name, now)

    def silent(self, name: str) -> bool:
        """It did not answer; true when that was once too often, and `open` is next."""
        self._silences[name] = self._silences.get(name, 0) + 1
        if self._silences[name] < FAILURES:
            return False
        self._silences[name] = 0
        return True

    async def open(self, pool: asyncpg.Pool, name: str, code: str, now: datetime) -> None:
        """Nobody goes there for now; `code` says what was heard last, for staff."""
        await self._write(pool, self._set_down, name, now, code[:64])

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
            await self._read(conn)

    async def _read(self, conn: asyncpg.Connection) -> None:
        rows = await conn.fetch(self._list_down)
        self._down = {row[0]: row["checked_at"] for row in rows}

    def forget(self) -> None:
        """Read again at the next refresh: this process changed what is read."""
        self._read_at = float("-inf")

    def down(self, now: datetime) -> frozenset[str]:
        """Who is left alone now, by the last reading."""
        return frozenset(name for name, seen in self._down.items() if now < seen + self._pause)
