"""What the public record has yet to be told: noted with the change itself, taken by its sequencer (scale rule 18)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import asyncpg

from mingzhang.evidence.store import SQL


async def note(conn: asyncpg.Connection, bucket: int, subject: str, now: datetime) -> None:
    """Note that this subject's timeline or postings changed, in the transaction that changed them.

    The batches of the hot path note theirs by themselves (`apply_batch`).
    """
    await conn.execute(SQL.insert_unlogged, bucket, [subject], now)


async def take(conn: asyncpg.Connection, notes_max: int) -> Mapping[tuple[int, str], datetime]:
    """Take the oldest notes away, for the caller's transaction: (bucket, subject), and since when each waits."""
    noted: dict[tuple[int, str], datetime] = {}
    for bucket, subjects, noted_at in await conn.fetch(SQL.take_notes, notes_max):
        for subject in subjects:
            since = noted.setdefault((bucket, subject), noted_at)
            if noted_at < since:
                noted[bucket, subject] = noted_at
    return noted


async def give_back(conn: asyncpg.Connection, waits: Mapping[tuple[int, str], datetime]) -> None:
    """What did not fit waits on: one note a bucket, as old as the oldest of its subjects."""
    subjects: dict[int, list[str]] = {}
    since: dict[int, datetime] = {}
    for (bucket, subject), at in waits.items():
        subjects.setdefault(bucket, []).append(subject)
        since[bucket] = min(at, since.get(bucket, at))
    for bucket, some in subjects.items():
        await conn.execute(SQL.insert_unlogged, bucket, some, since[bucket])
