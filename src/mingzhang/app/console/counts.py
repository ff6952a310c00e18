"""The numbers beside the names of pages: what waits, bounded, and not counted anew for every page that is opened."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import asyncpg

from mingzhang.complaints.store import SQL as COMPLAINTS
from mingzhang.kit.sql import load

SQL: Final = load("mingzhang.app.console", "counts")
SEEN_MAX: Final = 100  # pages show "99+" beyond
FRESH_REAL_S: Final = 3.0

Counter = Callable[[asyncpg.Connection], Awaitable[Mapping[str, int]]]


async def count_rows(conn: asyncpg.Connection) -> Mapping[str, int]:
    """The counters of this product's own rows: claims, suspense, manual, notices, breaks, disputes."""
    return dict(await conn.fetchrow(SQL.count_badges, SEEN_MAX))


async def count_complaints(conn: asyncpg.Connection) -> Mapping[str, int]:
    """Complaints at channels that wait for a person."""
    return {"complaints": await conn.fetchval(COMPLAINTS.count_waiting, SEEN_MAX)}


# Each gives one or more counters by name; `ConsolePage.badge` names the one that a page shows.
COUNTERS: Final[tuple[Counter, ...]] = (count_rows, count_complaints)


class Counts:
    """The counters of one application, at most `FRESH_REAL_S` old."""

    def __init__(self, pool: asyncpg.Pool, counters: tuple[Counter, ...] = COUNTERS) -> None:
        self._pool = pool
        self._counters = counters
        self._known: dict[str, int] = {}
        self._read_at = -FRESH_REAL_S
        self._lock = asyncio.Lock()

    async def read(self) -> Mapping[str, int]:
        """Counters by name."""
        async with self._lock:
            if time.monotonic() - self._read_at >= FRESH_REAL_S:
                async with self._pool.acquire() as conn:
                    for counter in self._counters:
                        self._known.update(await counter(conn))
                self._read_at = time.monotonic()
            return dict(self._known)
