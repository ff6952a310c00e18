"""What the public record has yet to be told: noted with the change itself, taken by its sequencer (scale rule 18)."""

from __future__ import annotations

from datetime import datetime

import asyncpg

from mingzhang.evidence.store import SQL


async def note(conn: asyncpg.Connection, bucket: int, subject: str, now: datetime) -> None:
    """Note that this subject's timeline or postings changed, in the transaction that changed them.

    The batches of the hot path note theirs by themselves (`apply_batch`).
    """
    await conn.execute(SQL.insert_unlogged, bucket, [subject], now)
