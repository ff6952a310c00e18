"""The sequencer's rounds: whatever the buckets, notes of what was told already hold nothing up, and none is lost."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from mingzhang.evidence import unlogged
from mingzhang.evidence.store import SQL as NOTES
from mingzhang.kit.database import transaction
from mingzhang.transparency import sequencer as rounds
from mingzhang.transparency.notes import Signer
from mingzhang.transparency.recheck import recheck
from mingzhang.transparency.sequencer import Sequencer
from mingzhang.transparency.statements import state

NOON = datetime(2026, 11, 24, 4, tzinfo=UTC)
SUBJECTS = [(bucket, f"PACK-{bucket}-{n}") for bucket in (0, 3, 17) for n in range(3)]


async def test_rounds_take_the_oldest_of_all_buckets_and_pass_over_what_was_told(
    pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rounds, "NOTES_MAX", 4)
    monkeypatch.setattr(rounds, "SUBJECTS_MAX", 3)
    signer = Signer("shop.example/log", bytes(32))
    sequencer = Sequencer(pool, signer, lambda: NOON + timedelta(minutes=1))
    async with transaction(pool) as conn:
        for n, (bucket, subject) in enumerate(SUBJECTS):
            await state(conn, bucket, subject, "pack_made", "", NOON + timedelta(seconds=n), {})
    first = await sequencer.round()
    assert first is not None
    assert (first.entries, first.changes, first.lag_s) == (3, 3, 60.0)
    async with transaction(
        pool
    ) as conn:  # told already: more of them than a round takes, and the oldest that wait
        for _ in range(3):
            for bucket, subject in SUBJECTS[:3]:
                await unlogged.note(conn, bucket, subject, NOON)
    told = [first.entries]
    while done := await sequencer.round():
        told.append(done.entries)
    assert sum(told) == len(SUBJECTS)
    assert await pool.fetchval(NOTES.read_waiting, 10) == 0
    in_log = await pool.fetch("SELECT bucket, subject FROM log_entry ORDER BY idx")
    assert [tuple(row) for row in in_log] == SUBJECTS
    assert await recheck(pool, signer.verifier, lambda *_: None) == (len(SUBJECTS), [])
