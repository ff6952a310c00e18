"""What the public record has yet to be told: noted with the change itself, taken by its sequencer (scale rule 18)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import asyncpg

from mingzhang.evidence.store import SQL


async def note(conn: asyncpg.Connection, bucket: int, subject: str, now: datetime) -> None:
    """Note that this subject's timeline or postings changed, in the transaction that changed them.

    The batches of the hot path note theirs by themselves (`apply_batch`).
    """
    await conn.execute(SQL.insert_unlogged, bucket, [subject], now)


async def buckets(conn: asyncpg.Connection) -> Sequence[int]:
    """In which buckets something waits."""
    return [row["bucket"] for row in await conn.fetch(SQL.list_noted_buckets)]


async def take(conn: asyncpg.Connection, bucket: int, notes_max: int) -> Mapping[str, datetime]:
    """Take the oldest notes of one bucket away, for the caller's transaction: subjects, and since when each waits."""
    noted: dict[str, datetime] = {}
    notes = await conn.fetch(SQL.lock_notes, bucket, notes_max)
    for row in notes:
        for subject in row["subjects"]:
            noted.setdefault(subject, row["noted_at"])
    await conn.execute(SQL.forget_notes, bucket, [row["note_id"] for row in notes])
    return noted


async def give_back(conn: asyncpg.Connection, bucket: int, subjects: Sequence[str], since: datetime) -> None:
    """What did not fit waits on, as old as it was."""
    await conn.execute(SQL.insert_unlogged, bucket, subjects, since)
