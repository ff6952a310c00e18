"""Facts that the float cannot carry yet (ledger.md): listed, and nothing else is posted to their order until then."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import asyncpg

from mingzhang.kit.errors import Kind, Problem
from mingzhang.kit.ids import bucket_of
from mingzhang.kit.sql import load

SQL: Final = load("mingzhang.orders", "unbooked")


async def check(conn: asyncpg.Connection, subject: str, key: str = "") -> None:
    """Raise Problem `fact_waits` when a fact waits that was listed before ``key``; the subject's lock is held."""
    row = await conn.fetchrow(SQL.find_unbooked, bucket_of(subject), subject, key)
    if row is not None:
        raise Problem("fact_waits", Kind.CONFLICT, f"{row['key']} waits: {row['code']}")


async def put(conn: asyncpg.Connection, now: datetime, subject: str, key: str, code: str) -> bool:
    """List a fact; false when it was listed before."""
    done = await conn.fetchval(SQL.insert_unbooked, bucket_of(subject), subject, key, code, now)
    return done is not None


async def clear(conn: asyncpg.Connection, subject: str, key: str) -> None:
    """It was booked."""
    await conn.execute(SQL.delete_unbooked, bucket_of(subject), subject, key)
