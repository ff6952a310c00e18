"""Terms of keys and certificates, as channels tell them: names and dates, never a key."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import asyncpg
import msgspec

from mingzhang.kit.sql import load

SQL: Final = load("mingzhang.payments", "key_store")
WATCH_EVERY: Final = timedelta(days=1)
WATCH_RETRY: Final = timedelta(hours=1)
WARN_DAYS: Final = (30, 14, 7, 1, 0)
"""Whole days before the end at which the shop is told; 0: it has ended."""


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """A key of a party that ends. ``key``: as the party names it; ``ends_at``: aware UTC."""

    party: str
    key: str
    ends_at: datetime

    @property
    def name(self) -> str:
        """How pages and notices call it."""
        return f"{self.party}:{self.key}"


def warning_due(ends_at: datetime, now: datetime) -> int | None:
    """Which of `WARN_DAYS` is reached; None while the end is far."""
    left = ends_at - now
    reached = [days for days in WARN_DAYS if left <= timedelta(days=days)]
    return min(reached) if reached else None


async def set_terms(
    conn: asyncpg.Connection, endings: Sequence[Ending], now: datetime, unread: Sequence[str] = ()
) -> None:
    """These are in force, and no others; of parties that could not be read (`unread`) what was known stays."""
    await conn.execute(
        SQL.upsert_terms,
        [each.party for each in endings],
        [each.key for each in endings],
        [each.ends_at for each in endings],
        now,
    )
    await conn.execute(SQL.forget_terms, now, list(unread))


async def list_ending(conn: asyncpg.Connection, now: datetime) -> list[Ending]:
    """What ends within `WARN_DAYS`, or has ended."""
    rows = await conn.fetch(SQL.list_ending, now + timedelta(days=WARN_DAYS[0]))
    return [Ending(**dict(row)) for row in rows]
